"""Read every image of a folder and compare with the truth: error rates, confusions, predictions.

    python benchmarks/read_text.py FOLDER [--method classical] [--out predictions.jsonl]

FOLDER holds ``labels.jsonl``, one object a line with the keys "file" (a path below FOLDER, or
``skimage.data.NAME()`` for a sample image of scikit-image) and "text".
"""

import argparse
import json
import re
import time
from pathlib import Path

import numpy as np

from ocrlearn.methods import METHODS
from ocrlearn.text import cer, confusions, wer


def load(folder, name):
    """Return the image that a label names."""
    sample = re.fullmatch(r"skimage\.data\.(\w+)\(\)", name)
    if sample:
        import skimage.data

        return getattr(skimage.data, sample.group(1))()
    from PIL import Image

    with Image.open(folder / name) as picture:
        return np.asarray(picture.convert("RGB"))


def main():
    """Read, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--method", default="classical", choices=METHODS)
    parser.add_argument("--out", type=Path, help="write predictions here, one JSON object a line")
    parser.add_argument("--only", default="", help="read only files whose name contains this")
    parser.add_argument("--show", type=int, default=0, help="print the worst N files")
    arguments = parser.parse_args()
    lines = (arguments.folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    labels = [json.loads(line) for line in lines if line.strip()]
    labels = [label for label in labels if arguments.only in label["file"]]
    reader = METHODS[arguments.method].load()
    reader.read(load(arguments.folder, labels[0]["file"]))  # warm up: compile, build the language
    predictions, seconds = [], []
    for label in labels:
        image = load(arguments.folder, label["file"])
        start = time.perf_counter()
        page = reader.read(image)
        seconds.append(time.perf_counter() - start)
        predictions.append({"file": label["file"], "text": page.text, "notes": list(page.notes)})
    truth, read = [label["text"] for label in labels], [p["text"] for p in predictions]
    if arguments.out:
        rows = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in predictions)
        arguments.out.write_text(rows, encoding="utf-8")
    worst = sorted(range(len(labels)), key=lambda i: -cer(truth[i], read[i]))[: arguments.show]
    for index in worst:
        print(f"{labels[index]['file']}: CER {100 * cer(truth[index], read[index]):.1f} %")
        print(f"  truth  {truth[index]}")
        print(f"  read   {read[index]}")
        for note in predictions[index]["notes"]:
            print(f"  note   {note}")
    print(f"method             {arguments.method}")
    print(f"images             {len(labels)}")
    print(f"CER                {100 * cer(truth, read):.2f} %")
    print(f"WER                {100 * wer(truth, read):.2f} %")
    print(f"seconds per image  {np.mean(seconds):.3f} (median {np.median(seconds):.3f})")
    pairs = confusions(truth, read).most_common(30)
    print("confusions         " + "  ".join(f"{a or '∅'}→{b or '∅'} {n}" for (a, b), n in pairs))


if __name__ == "__main__":
    main()
