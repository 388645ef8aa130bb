"""Write the tables of "Data" in docs/speed.md from what the three benchmarks of data have kept.

    python benchmarks/data_tables.py

The figures come from ``results/words.json``, ``stream.json`` and ``realism.json``, which
``words_speed.py``, ``stream_speed.py`` and ``realism.py`` write.
"""

import json
from typing import Any

from machine import RESULTS, write_into_docs

CURVE = (20_000, 40_000, 60_000, 80_000, 100_000, 120_000, 150_000)  # words seen

Result = dict[str, Any]


def measured_on(result: Result) -> str:
    """Name hardware, versions and date."""
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured on {machine['processor']}, {machine['cores']} cores, Python "
        f"{machine['python']}, on {machine['date'][:10]}: {versions}."
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """Write a table whose columns are right-aligned except the first."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, rule, *rows])


def words_table(result: Result) -> str:
    """Compare words a second with TextRecognitionDataGenerator, if that was measured."""
    peer = result.get("trdg")
    rows = [
        ["ocrlearn, two processes", f"{result['two_processes']['words_per_second']:,}", ""],
        ["ocrlearn, one process", f"{result['one_process']['words_per_second']:,}", ""],
    ]
    if peer:
        rows[1][2] = f"{peer['ours_over_theirs_words_per_second']:.1f}"
        name = f"TextRecognitionDataGenerator {peer['version']}, one process"
        rows.append([name, f"{peer['words_per_second']:,}", "1"])
    return table(["words of 32 pixels, in colour", "a second", "ratio to the peer"], rows)


def stream_table(result: Result) -> str:
    """Give samples a second of every way to make, write and read them, one generator a column."""
    rates: dict[str, dict[str, str]] = {}
    for row in result["rows"]:
        way = f"{row['what']}, {row['processes']} process{'es' * (row['processes'] > 1)}"
        rates.setdefault(row["generator"], {})[way] = f"{row['per_second']:,.0f}"
    ways = list(dict.fromkeys(way for row in rates.values() for way in row))
    rows = [[way, *(row.get(way, "–") for row in rates.values())] for way in ways]
    return table(["samples a second", *rates], rows)


def realism_table(result: Result) -> str:
    """Show how many real words each network reads after so many generated ones."""
    rows = []
    for seen in CURVE:
        plain, scene = (nearest(result["curves"][kind], seen) for kind in ("plain", "scene"))
        gain = 100 * (scene["words_ic13"] - plain["words_ic13"])
        rows.append([f"{scene['samples']:,}", percent(plain), percent(scene), f"{gain:+.1f}"])
    header = ["generated words seen", "trained on plain words", "on realistic words", "points"]
    return table(header, rows)


def nearest(curve: list[Result], seen: int) -> Result:
    """Return the point of a curve that is nearest to `seen` samples."""
    return min(curve, key=lambda point: abs(point["samples"] - seen))


def percent(point: Result) -> str:
    """Write the share of real words that were read."""
    return f"{100 * point['words_ic13']:.1f} %"


def main() -> None:
    """Write the three tables."""
    tables = {"words": words_table, "stream": stream_table, "realism": realism_table}
    for part, table_of in tables.items():
        result = json.loads((RESULTS / f"{part}.json").read_text(encoding="utf-8"))
        write_into_docs(part, f"{measured_on(result)}\n\n{table_of(result)}")


if __name__ == "__main__":
    main()
