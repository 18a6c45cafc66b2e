"""The small tokenizer handles unknown words and long texts, and open_clip reads the same tokens."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from open_clip.tokenizer import HFTokenizer

from phosphene.nets import tokenizer
from phosphene.nets.tokenizer import Tokenizer

CAPTIONS = ["a red house in the snow at night", "two blue boats on the sea", "a snowy house by the sea"] * 3


@pytest.fixture(scope="module")
def small() -> Tokenizer:
    return tokenizer.learn(CAPTIONS, size=400, context=16)


def test_words_of_the_captions_are_whole(small: Tokenizer) -> None:
    assert small.split("a red house") == ["Ġa", "Ġred", "Ġhouse"]


def test_size_is_kept(small: Tokenizer) -> None:
    assert small.size <= 400
    assert tokenizer.learn(CAPTIONS, size=270).size <= 270


def test_an_unknown_word_is_split_and_not_dropped(small: Tokenizer) -> None:
    tokens = small.split("zeppelin")
    assert len(tokens) > 1
    assert "".join(tokens) == "Ġzeppelin"


@given(st.text(max_size=12))
def test_no_text_loses_anything_but_its_case(small: Tokenizer, text: str) -> None:
    ids = small(text, context_length=200)[0]
    said = small.backend.normalizer.normalize_str(text)
    decoded = small.backend.decode([int(i) for i in ids if i > 2])
    assert decoded.removeprefix(" ") == said.removeprefix(" ")


def test_case_does_not_matter(small: Tokenizer) -> None:
    assert torch.equal(small("A Red HOUSE"), small("a red house"))


def test_short_texts_are_padded(small: Tokenizer) -> None:
    ids = small(["a red house", ""])
    assert ids.shape == (2, 16)
    assert ids[0].tolist()[4:] == [2] + [0] * 11
    assert ids[1].tolist() == [1, 2] + [0] * 14


def test_long_texts_keep_their_end_mark(small: Tokenizer) -> None:
    ids = small("house " * 40)
    assert ids.shape == (1, 16)
    assert ids[0, -1] == 2


def test_dropping_merges_gives_shorter_tokens_of_the_same_text(small: Tokenizer) -> None:
    torn = small.dropping(0.5).split("a red house in the snow at night")
    assert "".join(torn) == "".join(small.split("a red house in the snow at night"))
    assert len(torn) > 8


def test_saved_and_loaded_it_is_the_same(small: Tokenizer, tmp_path: Path) -> None:
    small.save(tmp_path)
    again = tokenizer.load(tmp_path, 16)
    assert torch.equal(again(CAPTIONS), small(CAPTIONS))


def test_open_clip_reads_the_same_ids(small: Tokenizer, tmp_path: Path) -> None:
    small.save(tmp_path)
    texts = [*CAPTIONS, "", "A zeppelin, über alles!", "house " * 40, "снег 🙂"]
    assert torch.equal(HFTokenizer(str(tmp_path), context_length=16)(texts), small(texts))
