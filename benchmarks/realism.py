"""How much realism is worth: one small recogniser, trained on plain and on realistic words.

Two copies of the same network see the same number of generated words; texts, optimiser and seed are
the same too. One sees black words on white paper, the other words as photographs show them
(:func:`ocrlearn.data.synth.words.render_word`). Both then read real words they have never seen,
from a folder with a file labels.jsonl:

    {"file": "images/word_1.png", "text": "Tiredness"}

A word counts as read when its letters and digits agree, in either case, as the ICDAR contests
count. See `python benchmarks/realism.py --help`.
"""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from machine import RESULTS, describe_machine
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from ocrlearn.data.samples import Sample
from ocrlearn.data.synth.words import render_word
from ocrlearn.image.convert import to_gray
from ocrlearn.text import Charset, CTCCodec, normalize_alphanumeric

HEIGHT, WIDTH = 32, 100
CODEC = CTCCodec(Charset("0123456789abcdefghijklmnopqrstuvwxyz"))
KINDS = {"plain": "black on white", "scene": "as photographs show words"}
TEST_SEED = 2026  # of generated words that are read beside the real ones


class Recogniser(nn.Module):
    """Four convolutions, a bidirectional LSTM, and a class for each of 25 columns; 0.4 M weights.

    A small relative of CRNN (Shi, Bai and Yao, "An End-to-End Trainable Neural Network for
    Image-Based Sequence Recognition", IEEE TPAMI, 2017).
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_stage(1, 16, (2, 2)),  # (B, 16, 16, 50)
            *_stage(16, 32, (2, 2)),  # (B, 32, 8, 25)
            *_stage(32, 64, (2, 1)),  # (B, 64, 4, 25)
            *_stage(64, 128, (4, 1)),  # (B, 128, 1, 25)
        )
        self.sequence = nn.LSTM(128, 128, batch_first=True, bidirectional=True)
        self.classify = nn.Linear(256, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return log-probabilities (B, 25, classes) of images (B, 1, 32, 100)."""
        columns = self.features(images).squeeze(2).transpose(1, 2)  # (B, 25, 128)
        return self.classify(self.sequence(columns)[0]).log_softmax(-1)


def _stage(inputs: int, outputs: int, pool: tuple[int, int]) -> list[nn.Module]:
    convolve = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return [convolve, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(pool)]


def to_input(sample: Sample) -> Tensor:
    """Gray, 32 x 100 whatever its shape was, with mean 0 and deviation 1: (1, 32, 100)."""
    gray = Image.fromarray(to_gray(sample.pixels()))
    pixels = np.asarray(gray.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR), np.float32)
    return torch.from_numpy((pixels - pixels.mean()) / max(float(pixels.std()), 1.0))[None]


class Words(Dataset[tuple[Tensor, str]]):
    """Generated words, made when they are asked for."""

    def __init__(self, kind: str, seed: int, count: int) -> None:
        self.kind, self.seed, self.count = kind, seed, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, str]:
        sample = render_word(self.seed, index, realism=self.kind)
        return to_input(sample), normalize_alphanumeric(sample.text or "")


def collate(items: list[tuple[Tensor, str]]) -> tuple[Tensor, list[str]]:
    """Stack a batch, without words that have no letter or digit, or more than fit."""
    kept = [
        (image, text) for image, text in items if text and CODEC.steps_needed(text) <= WIDTH // 4
    ]
    return torch.stack([image for image, _ in kept]), [text for _, text in kept]


def real_words(folder: Path) -> list[tuple[Tensor, str]]:
    """Read the words of a folder that have a letter or digit."""
    rows = map(json.loads, (folder / "labels.jsonl").read_text("utf-8").splitlines())
    words = [(Sample(folder / row["file"]), normalize_alphanumeric(row["text"])) for row in rows]
    return [(to_input(sample), text) for sample, text in words if text]


@torch.inference_mode()
def accuracy(network: Recogniser, words: list[tuple[Tensor, str]]) -> float:
    """Share of the words that are read without an error."""
    network.eval()
    right = 0
    for start in range(0, len(words), 256):
        part = words[start : start + 256]
        best = network(torch.stack([image for image, _ in part])).argmax(-1).numpy()
        right += sum(CODEC.decode(path) == text for path, (_, text) in zip(best, part, strict=True))
    network.train()
    return right / len(words)


def train(
    kind: str,
    samples: int,
    batch: int,
    points: int,
    tests: dict[str, list[tuple[Tensor, str]]],
    workers: int,
    weights: Path | None,
) -> list[dict[str, Any]]:
    """Train on `samples` words; return the accuracies on the way."""
    torch.manual_seed(0)
    network = Recogniser(len(CODEC))
    steps = samples // batch
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    loader = DataLoader(
        Words(kind, 1, steps * batch), batch, collate_fn=collate, num_workers=workers
    )
    curve: list[dict[str, Any]] = []
    bar = tqdm(loader, desc=f"{kind} words", unit="batch")
    for step, (images, texts) in enumerate(bar, start=1):
        targets = torch.tensor(np.concatenate([CODEC.encode(text) for text in texts]))
        lengths = torch.tensor([len(text) for text in texts])
        scores = network(images).transpose(0, 1)  # (25, B, classes)
        frames = torch.full((len(texts),), scores.shape[0])
        loss = nn.functional.ctc_loss(scores, targets, frames, lengths)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        if step % max(1, steps // points) == 0 or step == steps:
            row = {name: round(accuracy(network, words), 4) for name, words in tests.items()}
            curve.append({"samples": step * batch, "loss": round(loss.item(), 3), **row})
            bar.set_postfix(row)
    if weights:
        from safetensors.torch import save_file

        save_file(network.state_dict(), str(weights / f"realism_{kind}.safetensors"))
    return curve


def main(
    words: Annotated[Path, typer.Argument(help="Folder of real words with labels.jsonl.")],
    samples: Annotated[int, typer.Option(help="Generated words that each network sees.")] = 200_000,
    batch: Annotated[int, typer.Option(help="Words in a step.")] = 64,
    points: Annotated[int, typer.Option(help="Points of the curve.")] = 20,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind: plain or scene.")] = None,
    workers: Annotated[int, typer.Option(help="Processes that make words.")] = 1,
    threads: Annotated[int, typer.Option(help="Threads of the network.")] = 1,
    weights: Annotated[Path | None, typer.Option(help="Folder to keep the networks in.")] = None,
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = RESULTS / "realism.json",
) -> None:
    """Train one small recogniser on plain and one on realistic words; read real ones with both."""
    torch.set_num_threads(threads)
    tests = {words.name: real_words(words)}
    for name in KINDS:
        made = Words(name, TEST_SEED, 500)
        tests[f"generated {name}"] = [item for item in map(made.__getitem__, range(500)) if item[1]]
    curves, seconds = {}, {}
    for name in kind or list(KINDS):
        began = time.monotonic()
        curves[name] = train(name, samples, batch, points, tests, workers, weights)
        seconds[name] = round(time.monotonic() - began)
    if output.exists() and kind:
        old = json.loads(output.read_text("utf-8"))
        curves, seconds = {**old["curves"], **curves}, {**old["seconds"], **seconds}
    record = {
        "machine": describe_machine(["ocrlearn", "numpy", "torch"]),
        "network": Recogniser.__doc__.splitlines()[0],
        "batch": batch,
        "words": {name: len(items) for name, items in tests.items()},
        "seconds": seconds,
        "curves": curves,
    }
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    table = Table("trained on", *tests, title=f"words read, % after {samples:,} samples")
    for name, curve in curves.items():
        table.add_row(name, *(f"{100 * curve[-1][test]:.1f}" for test in tests))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
