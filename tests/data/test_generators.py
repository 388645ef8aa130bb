import inspect

import numpy as np
import pytest

from ocrlearn.data.samples import Clip, check_sample, read_jsonl, save_samples
from ocrlearn.data.synth.generators import GENERATORS


def pixels(item):
    return item.frames if isinstance(item, Clip) else item.pixels()


@pytest.mark.parametrize("name", GENERATORS)
def test_samples_are_sound_and_repeat(name, tmp_path):
    generator = GENERATORS[name]
    first = generator.make(3, 1)
    check_sample(first)
    generator.make(3, 0)
    again = generator.make(3, 1)
    np.testing.assert_array_equal(pixels(first), pixels(again))
    others = [generator.make(3, 2), generator.make(4, 1), generator.make(3, 1, split="benchmark")]
    assert all(not np.array_equal(pixels(first), pixels(other)) for other in others)
    [saved] = save_samples(tmp_path, [first])
    [read] = read_jsonl(tmp_path / "labels.jsonl")
    assert (read.text, read.label) == (first.text, first.label) == (saved.text, saved.label)


@pytest.mark.parametrize("name", GENERATORS)
def test_every_option_has_a_name(name):
    """The command line tells the user's options from mistakes by them."""
    seed, index, *options = inspect.signature(GENERATORS[name].function).parameters.values()
    assert (seed.name, index.name) == ("seed", "index")
    assert "split" in {option.name for option in options}
    assert {option.kind for option in options} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", ["lines", "pages"])
def test_print_is_labelled_to_the_character(name):
    sample = GENERATORS[name].make(0, 0)
    assert sample.text == "\n".join(line.text for line in sample.instances)
    for line in sample.instances:
        assert line.text == " ".join(word.text for word in line.parts)
        assert all(
            word.text == "".join(character.text for character in word.parts) for word in line.parts
        )
    assert sample.mask("ink").any()
