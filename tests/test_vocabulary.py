"""A generator that knows few words says which words of a prompt it does not know."""

import warnings
from pathlib import Path
from typing import Any

import pytest

import phosphene
from command import run
from phosphene.errors import UnknownWords
from phosphene.generation.vocabulary import unknown_words
from phosphene.landscape.scenes import SEEDS, captions, compose, vocabulary
from phosphene.library import Library

QUICK: dict[str, Any] = {"neighbours": 0, "num_inference_steps": 1, "candidates": 1, "seed": 7}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return phosphene.open(tmp_path / "a.lib", model="landscape", create=True)


def test_the_vocabulary_has_every_word_of_the_captions() -> None:
    texts = [caption.text for seed in SEEDS["training"][:500] for caption in captions(compose(seed))]
    assert unknown_words(" ".join(texts), vocabulary()) == []


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("Two CATS, one cat & a hot-air balloon", ["cats", "cat"]),
        ("Please show me a red house over the sea!", []),
        ("8-bit windmil, 5 houses", ["windmil", "5"]),
        ("une maison près de la mer", ["une", "maison", "près", "de", "la", "mer"]),
        ("", []),
    ],
)
def test_unknown_words_are_found(text: str, unknown: list[str]) -> None:
    assert unknown_words(text, vocabulary()) == unknown


def test_generating_from_unknown_words_warns_of_them(library: Library) -> None:
    with pytest.warns(UnknownWords, match=r"`cat`, `sofa`") as caught:
        library.generate("a cat on a house", 1, negative=["sofa"], **QUICK)
    assert caught[0].filename == __file__


def test_generating_from_known_words_does_not_warn(library: Library) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        library.generate("a red house in the snow", 1, negative=["trees"], **QUICK)


def test_the_command_line_prints_the_warning_and_the_picture(library: Library) -> None:
    library.close()
    made = run("-L", library.folder, "generate", "a cat", "-n", 1, "-k", 0, "--steps", 1, "--json")
    assert made.exit_code == 0 and made.stdout.count("\n") == 1
    assert "never shown what `cat` means" in made.stderr
