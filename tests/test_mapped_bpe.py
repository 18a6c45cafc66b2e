"""A vocabulary that is mapped from files makes the tokens of `tokenizers`, and is used where it can be."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

import tiny_clips
from phosphene.embedding.identity import sha256
from phosphene.embedding.tokenizing import bpe_files, mapped_bpe, tokenizer_json
from phosphene.embedding.tokenizing.tokenizer_json import HubTokenizer

CONTEXT = 12
MARKS = ["<unk>", "<eos>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
LETTERS = "ab▁é雪🙂"
PARTS = st.sampled_from([*tiny_clips.WORDS, *MARKS, " ", "  ", "▁", "\0", "\ufeff", "🙂", "ru", "Haus", "İ"])
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(f"{LETTERS} Ac\0"),
    st.lists(PARTS).map("".join),
)


def write(folder: Path, change: dict[str, Any] | None = None) -> Path:
    """Write the vocabulary of the tokenizer in a folder beside it, with changes to `tokenizer.json`."""
    file = folder / "tokenizer.json"
    content = json.loads(file.read_bytes()) | (change or {})
    file.write_text(json.dumps(content))
    bpe_files.write(content, sha256(file), mapped := folder / "mapped")
    return mapped


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small tokenizer of Gemma's kind, with its mapped vocabulary."""
    folder = tmp_path_factory.mktemp("gemma")
    (folder / "mapped").mkdir()
    tiny_clips.gemma_tokenizer(folder)
    write(folder)
    return folder


@given(texts=st.lists(TEXTS, min_size=1, max_size=3))
def test_ids_are_those_of_the_whole_tokenizer(gemma: Path, texts: list[str]) -> None:
    whole = HubTokenizer(gemma, CONTEXT, clean="canonicalize")
    mapped = HubTokenizer(gemma, CONTEXT, clean="canonicalize", mapped=gemma / "mapped")
    assert np.array_equal(mapped(texts), whole(texts))
    assert [mapped.fits(text) for text in texts] == [whole.fits(text) for text in texts]
    assert mapped.pad == whole.pad


@st.composite
def tokenizers(draw: st.DrawFn) -> Tokenizer:
    """A tokenizer with any merges in any order, some of which lead nowhere or to the same token."""
    tokens, merges = list(draw(st.permutations(LETTERS)))[draw(st.integers(0, 2)) :], []
    for _ in range(draw(st.integers(0, 15))):
        pair = draw(st.sampled_from(tokens)), draw(st.sampled_from(tokens))
        if len("".join(pair)) < 8:
            merges.append(pair)
            tokens.append("".join(pair))
    fallback = BYTES if draw(st.booleans()) else BYTES[:200]
    order = draw(st.permutations([*dict.fromkeys([*MARKS, *tokens])]))
    model = models.BPE(
        {token: number for number, token in enumerate([*fallback, *order])},
        draw(st.permutations(merges)),
        unk_token="<unk>",
        fuse_unk=draw(st.booleans()),
        byte_fallback=draw(st.booleans()),
        ignore_merges=draw(st.booleans()),
    )
    made = Tokenizer(model)
    made.add_special_tokens(MARKS)
    if draw(st.booleans()):
        made.add_tokens([draw(st.sampled_from(tokens))])
    replaced, lower = normalizers.Replace(" ", "▁"), normalizers.Lowercase()
    made.normalizer = draw(st.sampled_from([None, replaced, normalizers.Sequence([lower, replaced])]))
    if draw(st.booleans()):
        made.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_previous")
    return made


@given(whole=tokenizers(), texts=st.lists(TEXTS, min_size=1, max_size=3))
def test_any_vocabulary_makes_the_same_tokens(
    tmp_path_factory: pytest.TempPathFactory, whole: Tokenizer, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    assert bpe_files.write(json.loads(whole.to_str()), "digest", folder)
    mapped = mapped_bpe.opened(folder, "digest")
    assert mapped is not None
    found = mapped.tokenizer(texts)
    assert [found.encode(text).tokens for text in texts] == [whole.encode(text).tokens for text in texts]
    assert [found.encode(text).ids for text in texts] == [whole.encode(text).ids for text in texts]


OTHER = {
    "a normaliser that looks at several letters": {"normalizer": {"type": "NFKC"}},
    "a prefix": {"normalizer": {"type": "Prepend", "prepend": "▁"}},
    "letters for bytes": {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False}},
    "a pattern": {"normalizer": {"type": "Replace", "pattern": {"Regex": " +"}, "content": "▁"}},
    "another model": {"model": {"type": "WordLevel", "vocab": {"<unk>": 0}, "unk_token": "<unk>"}},
    "an added token without an entry": {"added_tokens": [{"id": 7_000, "content": "<new>"}]},
}


@pytest.mark.parametrize("change", OTHER.values(), ids=OTHER)
def test_tokenizers_of_another_form_are_not_mapped(change: dict[str, Any], tmp_path: Path) -> None:
    tiny_clips.gemma_tokenizer(tmp_path)
    content = json.loads((tmp_path / "tokenizer.json").read_bytes())
    assert not bpe_files.write({**content, **change}, "digest", tmp_path / "mapped")
    assert HubTokenizer(tmp_path, CONTEXT, mapped=tmp_path / "mapped").pad == 0


@pytest.mark.parametrize(
    "change",
    [
        {"dropout": 0.5},
        {"end_of_word_suffix": "</w>"},
        {"vocab": {"a": 1, "b": 1}, "merges": []},
        {"vocab": {"<0x41>": 1, "b": 2, "<0x41>b": 3}, "merges": [["<0x41>", "b"]]},
    ],
    ids=["dropout", "suffix", "ids", "bytes"],
)
def test_models_whose_tokens_do_not_follow_from_the_text_are_not_mapped(
    change: dict[str, Any], tmp_path: Path
) -> None:
    model = {"type": "BPE", "vocab": {"a": 0}, "merges": [], **change}
    assert not bpe_files.write({"model": model, "added_tokens": []}, "digest", tmp_path)
    assert not list(tmp_path.iterdir())


def test_merges_of_older_files_are_read(gemma: Path, tmp_path: Path) -> None:
    content = json.loads((gemma / "tokenizer.json").read_bytes())
    content["model"]["merges"] = [" ".join(merge) for merge in content["model"]["merges"]]
    bpe_files.write(content, "digest", tmp_path)
    older, newer = (np.load(folder / "tokenizer.pairs.npy") for folder in (tmp_path, gemma / "mapped"))
    assert np.array_equal(older, newer) and len(older) > 50


def test_the_vocabulary_of_another_tokenizer_is_not_used(gemma: Path, tmp_path: Path) -> None:
    """The same repository may have another `tokenizer.json` tomorrow."""
    tiny_clips.gemma_tokenizer(tmp_path, ["the words of another model"])
    ids = HubTokenizer(tmp_path, CONTEXT, mapped=gemma / "mapped")(["another model"])
    assert np.array_equal(ids, HubTokenizer(tmp_path, CONTEXT)(["another model"]))


def test_many_texts_are_split_with_the_whole_vocabulary(gemma: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_json, "MANY", 3)
    texts = ["a red house", "snow", "雪"]
    mapped = HubTokenizer(gemma, CONTEXT, mapped=gemma / "mapped")
    few = mapped(texts)
    assert mapped._whole is None
    assert np.array_equal(mapped(texts), few)
    assert mapped._whole is not None
