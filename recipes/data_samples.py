"""Write the small samples of every generator that lie in ``datasets/samples``.

    python recipes/data_samples.py

They are there to be looked at, to try a reader or a drawing routine on, and to see what changed
when a generator changes. All are ours; see ``datasets/README.md`` for the fonts and their terms.
"""

import shutil
from pathlib import Path
from typing import Any

from rich.progress import track

from ocrlearn.data.samples import save_samples
from ocrlearn.data.synth.generators import GENERATORS

FOLDER = Path(__file__).parents[1] / "datasets" / "samples"
SEED = 7

# How many of each, in which format, and with which options. Every sample is saved with its masks.
KINDS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "characters": (24, ".png", {"look": "scene"}),
    "words": (24, ".png", {"masks": True}),
    "lines": (6, ".png", {"look": "photographed"}),
    "chinese-lines": (6, ".png", {"look": "scanned"}),
    "documents": (2, ".jpg", {"look": "photographed"}),
    "scenes": (4, ".jpg", {"curved": 0.5, "masks": True}),
    "plates": (12, ".png", {}),
    "captchas": (8, ".png", {}),
    "objects": (8, ".png", {}),
    "clips": (4, ".jpg", {}),
}


def main() -> None:
    """Make the folder anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, (count, suffix, options) in track(KINDS.items(), "making samples"):
        made = [GENERATORS[name].make(SEED, index, **options) for index in range(count)]
        save_samples(FOLDER / name, made, suffix=suffix)
    total = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"{total / 1e6:.1f} MB in {FOLDER}")


if __name__ == "__main__":
    main()
