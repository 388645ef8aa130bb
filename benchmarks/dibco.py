"""Score binarisation on a folder of pages with ink masks, as the DIBCO contests do.

The folder holds images, masks and a file labels.jsonl with a line for every page:

    {"file": "images/page.png", "mask": "masks/page.png", "ink_value": 0}

The page and mask are relative to the folder; pixels of the mask that are `ink_value` (0 or 255) are
ink. See `python benchmarks/dibco.py --help`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from skimage.filters import threshold_sauvola

from ocrlearn.engine.metrics import BinarizationScores, binarization_scores
from ocrlearn.image.binarize import binarize
from ocrlearn.image.read import read

RESULTS = Path(__file__).parent / "results" / "dibco.json"
WINDOWS = (15, 25, 35, 51, 75, 101, 151)
KS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
COLUMNS = {
    "f_measure": "F-measure, % (higher is better)",
    "psnr": "PSNR, dB (higher is better)",
    "drd": "DRD (lower is better)",
}

HELP = """
Score binarisation on a folder of pages with ink masks.

FOLDER holds images, masks and labels.jsonl, with a line for every page:
{"file": "images/a.png", "mask": "masks/a.png", "ink_value": 0}

Beside the methods of the library stands scikit-image's Sauvola: once at
its defaults (window 15, k 0.2), once at the window and k that do best on
these very pages. So the peer is tuned on the test, and ours is not.
"""

Method = Callable[[Any], Any]
Page = tuple[str, Any, Any]
METHODS: dict[str, Method] = {
    "Otsu": lambda image: binarize(image, "otsu"),
    "Niblack": lambda image: binarize(image, "niblack"),
    "Sauvola": lambda image: binarize(image, "sauvola"),
    "Wolf": lambda image: binarize(image, "wolf"),
    "clean": lambda image: binarize(image, "clean"),
}


def read_pages(folder: Path) -> Iterator[Page]:
    """Yield name, gray image and ink mask of every page of `folder`."""
    labels = folder / "labels.jsonl"
    if not labels.is_file():
        raise typer.BadParameter(f"{labels} does not exist")
    for number, line in enumerate(labels.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            image_path, mask_path = folder / row["file"], folder / row["mask"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise typer.BadParameter(f"{labels}, line {number}: {error!r}") from error
        image, mask = read(image_path, mode="gray"), read(mask_path, mode="gray")
        if image.shape != mask.shape:
            raise typer.BadParameter(f"{mask_path} is not as large as {image_path}")
        yield image_path.stem, image, (mask < 128) == (row.get("ink_value", 0) < 128)


def best_sauvola(pages: list[Page]) -> tuple[int, float]:
    """Window and k of scikit-image's Sauvola with the best mean F-measure on `pages`."""

    def mean_f_measure(window: int, k: float) -> float:
        masks = (image <= threshold_sauvola(image, window, k) for _, image, _ in pages)
        scores = [
            binarization_scores(mask, page[2]) for mask, page in zip(masks, pages, strict=True)
        ]
        return float(np.mean([score.f_measure for score in scores]))

    grid = [(window, k) for window in WINDOWS for k in KS]
    tried = track(grid, "tuning scikit-image", transient=True, console=Console(stderr=True))
    return max(tried, key=lambda choice: mean_f_measure(*choice))


def make_table(names: list[str], scores: dict[str, list[BinarizationScores]], key: str) -> Table:
    """One line a page and one for their mean; one column a method, the best in bold."""
    factor = 100 if key == "f_measure" else 1
    table = Table(title=COLUMNS[key], show_footer=True)
    table.add_column("page", "mean")
    values = {name: [factor * getattr(s, key) for s in row] for name, row in scores.items()}
    for method, row in values.items():
        table.add_column(method, f"{np.mean(row):.2f}", justify="right")
    best = min if key == "drd" else max
    for number, name in enumerate(names):
        row = [values[method][number] for method in values]
        marks = ("[bold]" if value == best(row) else "" for value in row)
        table.add_row(name, *(f"{mark}{value:.2f}" for mark, value in zip(marks, row, strict=True)))
    return table


def main(
    folder: Annotated[Path, typer.Argument(help="Pages, masks and labels.jsonl.")],
    save: Annotated[bool, typer.Option(help=f"Write results/{RESULTS.name}.")] = False,
) -> None:
    """Run the benchmark; what the options mean is said where they stand, and by --help."""
    pages = list(read_pages(folder))
    if not pages:
        raise typer.BadParameter(f"{folder} names no pages")
    window, k = best_sauvola(pages)
    peers: dict[str, Method] = {
        "skimage 15, 0.2": lambda image: image <= threshold_sauvola(image),
        f"skimage {window}, {k}": lambda image: image <= threshold_sauvola(image, window, k),
    }
    scores = {
        name: [binarization_scores(method(image), truth) for _, image, truth in pages]
        for name, method in {**METHODS, **peers}.items()
    }
    console = Console()
    for key in COLUMNS:
        console.print(make_table([name for name, _, _ in pages], scores, key))
    if save:
        RESULTS.parent.mkdir(exist_ok=True)
        means = {
            name: {
                key: round(float(np.mean([asdict(s)[key] for s in row])), 4)
                for key in asdict(row[0])
            }
            for name, row in scores.items()
        }
        result = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "pages": [name for name, _, _ in pages],
            "versions": {name: version(name) for name in ("ocrlearn", "numpy", "scikit-image")},
            "means": means,
        }
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")
        console.print(f"Written to {RESULTS}")


if __name__ == "__main__":
    app = typer.Typer(rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False)
    app.command(help=HELP)(main)
    app()
