"""How many words a second :mod:`ocrlearn.data.synth.words` makes, and what the time goes to.

Usage, from the root of the repository::

    python benchmarks/words_speed.py [--trdg PYTHON] [--words 3000] [--rounds 3]

Words are 32 pixels high, in colour, with everything that ``realism="scene"`` does, as
``word_arrays`` makes them for training. One process and two processes (started afresh, "spawn")
first draw 1,500 words, which loads all typefaces, and are then timed. Two clocks are reported: the
wall's, which others on the machine slow down, and the processor time of the process, which is what
an idle machine would need, nearly. The best of some rounds counts, as everything else is the
others' doing.

With ``--trdg``, the interpreter of an environment that has TextRecognitionDataGenerator (``pip
install trdg "pillow<10"``) makes the same words in the same run, 32 pixels high, with the effects
that it offers: skew, blur, sine or cosine distortion, and noise, plain or crystal backgrounds, each
drawn at random. Results go to ``benchmarks/results/words.json``.
"""

import argparse
import json
import multiprocessing
import subprocess
import time
from collections.abc import Callable
from typing import Any

from machine import RESULTS, describe_machine

PACKAGES = ("numpy", "numba", "pillow", "torch")
CLOCKS = (
    "words_per_second is by the wall clock and falls with the load of other programs; "
    "the other is what the processes' own processor time gives"
)
WARM_UP = 1500
BATCH = 100

TRDG = """
import json, sys, time, random
from importlib.metadata import version
from trdg.generators import GeneratorFromStrings

def words(strings, seed):
    random.seed(seed)
    for background in (0, 1, 2):
        for distortion in (0, 1, 2):
            part = strings[background * 3 + distortion :: 9]
            generator = GeneratorFromStrings(
                part, count=len(part), size=32, skewing_angle=5, random_skew=True, blur=1,
                random_blur=True, background_type=background, distorsion_type=distortion,
                distorsion_orientation=2,
            )
            for image, text in generator:
                assert image.size[1] >= 24 and text

strings = json.load(sys.stdin)
words(strings[:200], 0)
best = [1e9, 1e9]
for turn in range(int(sys.argv[1])):
    wall, processor = time.perf_counter(), time.process_time()
    words(strings, turn)
    best[0] = min(best[0], time.perf_counter() - wall)
    best[1] = min(best[1], time.process_time() - processor)
print(json.dumps({"wall": best[0], "processor": best[1], "version": version("trdg"),
                  "pillow": version("pillow"), "number": len(strings)}))
"""


def draw(start: int, number: int) -> None:
    """Make words in batches, as training does."""
    from ocrlearn.data.synth.words import word_arrays

    for first in range(start, start + number, BATCH):
        word_arrays(0, first, min(BATCH, start + number - first))


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Return wall and processor time of `work` in seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def worker(part: int, number: int, rounds: int, ready: Any, results: Any) -> None:
    """Run one of several processes: warm up, wait for the others, then draw `number` words."""
    draw(10_000_000 + part * WARM_UP, WARM_UP)
    for turn in range(rounds):
        ready.wait()
        results.put((turn, *timed(lambda first=(turn * 8 + part) * number: draw(first, number))))


def rate(processes: int, number: int, rounds: int) -> dict[str, float]:
    """Words per second of all processes together, by either clock, of the best round."""
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=worker, args=(part, number, rounds, ready, results))
        for part in range(processes)
    ]
    for process in workers:
        process.start()
    rows = [results.get() for _ in range(processes * rounds)]
    for process in workers:
        process.join()
    walls = [max(row[1] for row in rows if row[0] == turn) for turn in range(rounds)]
    processor = [sum(row[2] for row in rows if row[0] == turn) for turn in range(rounds)]
    return {
        "words_per_second": round(processes * number / min(walls)),
        "words_per_second_of_processor_time": round(
            processes * number / (min(processor) / processes)
        ),
    }


def breakdown(number: int) -> dict[str, float]:
    """Microseconds of processor time per word that the parts of the work take in one process.

    Clocks around every call cost time themselves, so the sum is a little more than the whole.
    """
    from ocrlearn.data.synth import _words_numba as kernels
    from ocrlearn.data.synth import words

    draw(20_000_000, WARM_UP)
    spent: dict[str, float] = {}

    def watch(module: Any, name: str) -> None:
        original = getattr(module, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            began = time.process_time()
            result = original(*arguments, **options)
            spent[name] = spent.get(name, 0.0) + time.process_time() - began
            return result

        setattr(module, name, watched)

    passes = ("look_back", "draw_letters", "paint", "gaussian", "defocus", "motion", "unsharp")
    passes += ("expose",)
    for name in passes:
        watch(kernels, name)
    for name in ("seeded_generator", "_decide", "_draw"):
        watch(words, name)
    draw(0, number)
    micro = {name: round(1e6 * seconds / number, 1) for name, seconds in spent.items()}
    rest = micro.pop("_draw") - sum(micro[name] for name in passes if name in micro)
    decide = micro.pop("_decide") - micro["seeded_generator"]
    return {"decide": round(decide, 1), **micro, "jpeg_and_resize": round(rest, 1)}


def trdg(python: str, number: int, rounds: int) -> dict[str, Any]:
    """Time TextRecognitionDataGenerator in an interpreter that has it, on our words."""
    from ocrlearn.data.synth.texts import seeded_generator
    from ocrlearn.data.synth.word_texts import Chance, word_text

    texts = [
        word_text(Chance(seeded_generator(0, index, "training", "word"))) for index in range(number)
    ]
    done = subprocess.run(
        [python, "-c", TRDG, str(rounds)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return {
        "version": told["version"],
        "pillow": told["pillow"],
        "settings": "GeneratorFromStrings, its own fonts, size=32, skewing_angle=5 random, blur=1 "
        "random, background_type 0 (noise), 1 (plain), 2 (crystal), distorsion_type 0, 1, 2",
        "words_per_second": round(told["number"] / told["wall"]),
        "words_per_second_of_processor_time": round(told["number"] / told["processor"]),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trdg", metavar="PYTHON", help="an interpreter that has trdg")
    parser.add_argument("--words", type=int, default=3000, help="words per process and round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    result: dict[str, Any] = {
        "machine": describe_machine(PACKAGES),
        "clocks": CLOCKS,
        "settings": "word_arrays, 32 pixels high, colour, realism 'scene'",
        "one_process": rate(1, options.words, options.rounds),
        "two_processes": rate(2, options.words, options.rounds),
    }
    if options.trdg:
        result["trdg"] = trdg(options.trdg, 900, options.rounds)
        for clock in ("words_per_second", "words_per_second_of_processor_time"):
            ratio = result["one_process"][clock] / result["trdg"][clock]
            result["trdg"][f"ours_over_theirs_{clock}"] = round(ratio, 1)
    result["microseconds_per_word"] = breakdown(options.words)
    print(json.dumps(result, indent=2))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "words.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
