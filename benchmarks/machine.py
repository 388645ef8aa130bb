"""What a benchmark ran on, and where its results go."""

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parents[1] / "docs" / "speed.md"


def describe_machine(packages: Iterable[str]) -> dict[str, Any]:
    """Hardware, load, system and versions, as far as they can be told without extra packages."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],  # of the last 1, 5, 15 minutes
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions(packages),
    }


def processor() -> str:
    """Name the processor's model where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for row in cpuinfo.read_text().splitlines():
            if row.startswith("model name"):
                return row.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those of the packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def write_into_docs(part: str, text: str) -> None:
    """Replace what stands between ``<!-- PART begin -->`` and ``<!-- PART end -->`` in the docs."""
    page = DOCS.read_text(encoding="utf-8")
    begin, end = f"<!-- {part} begin -->", f"<!-- {part} end -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    if not rest or not after:
        raise SystemExit(f"{DOCS} has no place for the table: {begin} ... {end}")
    DOCS.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """Write a table whose columns are right-aligned except the first two."""
    rule = ["---" if column < 2 else "---:" for column in range(len(header))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, rule, *rows])
