# GNU make 3.81 or later. The first target that needs it creates .venv and installs everything.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# The first Python that fits and can make virtual environments; make PYTHON=/path/to/python overrides.
SUITABLE = import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON = $(shell for name in python3 python3.13 python3.12 python3.11 python; do "$$name" -c "$(SUITABLE)" 2>/dev/null && echo "$$name" && break; done)
NO_PYTHON = No Python 3.11, 3.12 or 3.13 with venv was found. Debian, Ubuntu: sudo apt install python3 python3-venv. macOS: brew install python@3.13. Elsewhere: make PYTHON=/path/to/python $(MAKECMDGOALS)

.PHONY: help course test lint notebooks scoreboard docs

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' Makefile | awk -F'|' '{ printf "%-18s%s\n", $$1, $$2 }'

course: $(INSTALLED) ## install on first use, read a page with every method, open the chapters
	@$(BIN)/ocrlearn tour

test: $(INSTALLED) ## unit tests and every chapter, in one run of pytest
	$(BIN)/python -m pytest --nbval-lax --nbval-sanitize-with tests/nbval_sanitize.cfg tests notebooks $(ARGS)

lint: $(INSTALLED) ## style, types and import rules
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

notebooks: $(INSTALLED) ## build the notebooks whose lessons changed
	$(BIN)/python -m ocrlearn.course.build

scoreboard: $(INSTALLED) ## score every method on the benchmarks
	$(BIN)/python benchmarks/scoreboard.py

docs: $(INSTALLED) ## build the site in docs/_build/html
	$(BIN)/sphinx-build -W docs docs/_build/html

$(INSTALLED): pyproject.toml $(wildcard constraints.txt)
	$(if $(PYTHON),,$(error $(NO_PYTHON)))
	$(BIN)/python -c "" 2>/dev/null || "$(PYTHON)" -m venv --clear $(VENV)
	$(BIN)/python -m pip install $(addprefix --constraint=,$(wildcard constraints.txt)) --editable ".[course,nn,test,dev,docs]"
	@touch $@
