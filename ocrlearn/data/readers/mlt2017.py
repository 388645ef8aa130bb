"""MLT-2017: scene text in nine languages and six scripts, many to an image.

Owner: Robust Reading Competition, Challenge 8. Formats after its page of tasks
(https://rrc.cvc.uab.es/?ch=8&com=tasks).

Paper: N. Nayef, F. Yin, I. Bizid, H. Choi, Y. Feng, D. Karatzas, Z. Luo, U. Pal, C. Rigaud,
J. Chazalon, W. Khlif, M. M. Luqman, J.-C. Burie, C.-L. Liu, J.-M. Ogier, "ICDAR2017 Robust Reading
Challenge on Multi-lingual Scene Text Detection and Script Identification - RRC-MLT", ICDAR 2017.

Layout
------
::

    ch8_training_images_1/img_1.jpg, ... ch8_training_images_8/     or train_images/ for all
    ch8_training_localization_transcription_gt_v2/gt_img_1.txt      or train_gt/
    ch8_validation_images/img_1.jpg                                 or val_images/
    ch8_validation_localization_transcription_gt_v2/gt_img_1.txt    or val_gt/
    ch8_test_images/ts_img_00001.jpg                                or test_images/

Lines
-----
Four corners, clockwise from the text's own top-left, the script and the text, which is all that
follows the ninth comma::

    131,34,181,34,179,47,131,49,Latin,Fish, Chips
    90,83,143,83,143,96,91,96,Korean,###

``###`` is "don't care". Files are UTF-8.

Traps
-----
- Some images are GIF or PNG, whatever is said of JPEG.
- A Chinese, Japanese or Korean instance is often a whole line, as these scripts do not part words.
- The truth of the test images is not published: they come without instances.
"""

from collections.abc import Iterator
from pathlib import Path

from ocrlearn._validate import check_choice
from ocrlearn.data.readers._files import (
    Line,
    annotated_images,
    files_by_stem,
    find_folder,
    images_by_stem,
    pairs_by_stem,
    quad_and_rest,
)
from ocrlearn.data.samples import DataFormatError, Sample, TextInstance

__all__ = ["SCRIPTS", "read_mlt2017"]

SCRIPTS = (
    "Arabic",
    "Latin",
    "Chinese",
    "Japanese",
    "Korean",
    "Bangla",
    "Hindi",  # added in MLT-2019, whose files are the same otherwise
    "Symbols",
    "Mixed",
    "None",
)
"""What the ninth field may be; ``language`` of an instance."""

_ILLEGIBLE = "###"
_OWNERS_NAME = {"train": "training", "val": "validation", "test": "test"}
_PARTS = {"train": tuple(f"_{part}" for part in range(1, 9)), "val": (), "test": ()}


def read_mlt2017(folder: str | Path, split: str = "train") -> Iterator[Sample]:
    """Read the photographs with their texts.

    Parameters
    ----------
    folder
        Where the archives have been unpacked; see the module's docstring.
    split
        "train" (7,200 images), "val" (1,800) or "test" (9,000, without instances).

    Raises
    ------
    FileNotFoundError
        If a folder is missing, or an image or its label file.
    DataFormatError
        If a line is not in the format; the message names file and line.
    """
    check_choice(split, "split", tuple(_OWNERS_NAME))
    name = f"ch8_{_OWNERS_NAME[split]}"
    images, images_at = _images(Path(folder), split, name)
    if split == "test":
        return (Sample(image) for image in images.values())
    labels_at = find_folder(
        folder, (f"{name}_localization_transcription_gt_v2", f"{split}_gt"), f"the {split} labels"
    )
    labels = files_by_stem(labels_at, (".txt",), "gt_")
    return annotated_images(pairs_by_stem(images, labels, images_at, labels_at), _read_word)


def _images(folder: Path, split: str, name: str) -> tuple[dict[str, Path], Path]:
    """Return the images by stem, out of one folder or of the eight parts, and where they are."""
    parts = [folder / f"{name}_images{part}" for part in _PARTS[split]]
    parts = [part for part in parts if part.is_dir()]
    if not parts:
        choices = (f"{name}_images", f"{split}_images")
        parts = [find_folder(folder, choices, f"the {split} images")]
    images: dict[str, Path] = {}
    for part in parts:
        for stem, image in images_by_stem(part).items():
            if stem in images:
                raise DataFormatError(f"{image} and {images[stem]} stand for one sample")
            images[stem] = image
    if not images:
        raise FileNotFoundError(f"there are no images in {parts[0]}")
    return images, parts[0] if len(parts) == 1 else folder


def _read_word(line: Line) -> TextInstance:
    quad, (script, text) = quad_and_rest(line, ["a script", "a text"])
    if script not in SCRIPTS:
        raise line.wrong(f"a script out of {', '.join(SCRIPTS)} in the ninth field", script)
    illegible = text == _ILLEGIBLE
    return TextInstance(quad, None if illegible else text, ignore=illegible, language=script)
