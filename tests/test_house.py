"""The house itself: cheap imports, dependency lists in step, a citation that tells the truth."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A requirement's name and the rest of it, as in "numpy>=2.0". The extras of "dask[distributed]" are
# passed over: neither conda nor constraints have them.
REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?:\[[A-Za-z0-9,._-]+\])?\s*(?P<bounds>[<>=!~].*)?$"
)

# Things conda users get from their environment rather than from pyproject.toml.
CONDA_ONLY = {"python", "make", "pip"}

# PyTorch's CUDA builds ask for versions of their own of these.
UNPINNED = {"cuda-bindings", "nvidia-cuda-nvrtc"}


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def parse(requirements: list[str]) -> dict[str, str]:
    """Map each requirement's normalised name to its version bounds."""
    parsed = {}
    for requirement in requirements:
        match = REQUIREMENT.match(requirement.partition(";")[0].strip())
        assert match, f"not a plain requirement: {requirement!r}"
        name = normalise(match["name"])
        assert name not in parsed, f"{name} is listed twice"
        parsed[name] = match["bounds"] or ""
    return parsed


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def environment_requirements() -> dict[str, str]:
    """Read environment.yml's dependencies, conda's and pip's; it is a flat list of dashes."""
    lines = (ROOT / "environment.yml").read_text().split("dependencies:", 1)[1].splitlines()
    entries = [line.strip()[2:] for line in lines if line.strip().startswith("- ")]
    return parse([entry for entry in entries if entry not in ("pip:", "-e .")])


def constraint_versions() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return parse([line for line in lines if line and not line.startswith("#")])


def test_environment_yml_lists_what_pyproject_needs(project):
    extras = project["optional-dependencies"]
    wanted = parse([*project["dependencies"], *extras["course"], *extras["nn"], *extras["test"]])
    offered = {
        name: bounds
        for name, bounds in environment_requirements().items()
        if name not in CONDA_ONLY
    }
    assert offered == wanted


def test_environment_yml_allows_the_same_pythons(project):
    assert environment_requirements()["python"] == project["requires-python"]


def test_constraints_pin_every_requirement_within_its_bounds(project):
    from packaging.specifiers import SpecifierSet

    pins = constraint_versions()
    for extra, requirements in [
        ("", project["dependencies"]),
        *project["optional-dependencies"].items(),
    ]:
        if extra == "cuda":  # needs a GPU to be tested, so nothing is pinned
            continue
        for name, bounds in parse(requirements).items():
            if name in UNPINNED:
                continue
            assert name in pins, f"constraints.txt does not pin {name}"
            version = pins[name].removeprefix("==")
            assert version in SpecifierSet(bounds), f"{name}=={version} is outside {bounds}"


def test_torch_is_pinned_to_the_tested_build():
    assert constraint_versions()["torch"] == "==2.13.0"


def modules_loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; import json; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout.splitlines()[-1]))


HEAVY = {"torch", "cupy", "numba", "matplotlib", "scipy", "skimage", "sklearn", "PIL"}


@pytest.mark.parametrize(
    "statement",
    [
        "import ocrlearn",
        "import ocrlearn.geometry, ocrlearn.text, ocrlearn.document, ocrlearn._dispatch",
        "import ocrlearn.methods",
        "import ocrlearn.image, ocrlearn.ops, ocrlearn.layout, ocrlearn.classic",
        "import ocrlearn.cluster, ocrlearn.cuda, ocrlearn.doctor, ocrlearn.nn",
    ],
)
def test_import_loads_nothing_heavy(statement):
    assert not HEAVY & modules_loaded_by(statement)


def test_every_listed_submodule_exists():
    import ocrlearn

    for name in ocrlearn._SUBMODULES:
        assert getattr(ocrlearn, name).__name__ == f"ocrlearn.{name}"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ocrlearn.nothing


def test_citation_states_the_version():
    import ocrlearn

    assert f"version: {ocrlearn.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_changelog_fragments_have_a_known_kind():
    kinds = {"added", "changed", "fixed", "removed"}
    for fragment in (ROOT / "changelog.d").glob("*.md"):
        assert fragment.suffixes[0].removeprefix(".") in kinds, fragment.name
        assert fragment.read_text().strip(), f"{fragment.name} is empty"


def test_readme_shows_the_map_of_chapters():
    from ocrlearn.course.plan import course_map

    between = (ROOT / "README.md").read_text().split("<!-- map begin -->")[1]
    shown = between.split("<!-- map end -->")[0].strip()
    assert shown == course_map(), "run `make notebooks`, which writes the map into README.md"


def test_readme_picture_exists():
    assert (ROOT / "docs" / "images" / "page.png").stat().st_size < 400_000


def test_the_plan_names_every_chapter_that_exists():
    from ocrlearn.course.chapters import chapters
    from ocrlearn.course.plan import PLAN

    planned = {chapter.number: chapter for chapter in PLAN}
    assert sorted(planned) == list(range(1, 37))
    for chapter in chapters():
        assert planned[chapter.number].part == chapter.part
