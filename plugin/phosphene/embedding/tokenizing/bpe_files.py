"""Writes the vocabulary of a `tokenizer.json` as the sorted arrays that `mapped_bpe` reads."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phosphene.embedding.tokenizing.mapped_bpe import FRAME, SortedVocabulary, extended, file_of

BYTE = re.compile("<0x[0-9A-F]{2}>")  # the entries for the bytes of letters that have no entry
UNUSUAL = ("dropout", "continuing_subword_prefix", "end_of_word_suffix")  # parts of a model of another form


def write(content: Mapping[str, Any], source: str, folder: Path) -> bool:
    """Write the files of a `tokenizer.json` whose sha256 is `source`.

    False if it has not the form of Gemma's, for which nothing is written. `tokenizers` must have read
    `content` before.
    """
    if not _is_covered(content):
        return False
    arrays = _arrays(content["model"])
    if arrays is None:
        return False
    for name in SortedVocabulary.__slots__:
        np.save(file_of(folder, name), getattr(arrays, name), allow_pickle=False)
    longest = max(map(len, content["model"]["vocab"]))
    frame = {"source": source, "longest": longest, "tokenizer": _frame(content)}
    file_of(folder, FRAME).write_text(json.dumps(frame), encoding="utf-8")
    return True


def _is_covered(content: Mapping[str, Any]) -> bool:
    """Whether every text that the model gets is a part of the whole normalised text.

    That holds if the normaliser looks at single letters, and if texts are only split after that.
    """
    model, split = content["model"], content.get("pre_tokenizer")
    return (
        model.get("type") == "BPE"
        and not any(model.get(name) for name in UNUSUAL)
        and _is_letterwise(content.get("normalizer"))
        and (split is None or split["type"] == "Split")
        and all(model["vocab"].get(token["content"]) == token["id"] for token in content["added_tokens"])
    )


def _is_letterwise(normalizer: Mapping[str, Any] | None) -> bool:
    """Whether a normaliser turns each letter into others without looking at those around it."""
    if normalizer is None or normalizer["type"] == "Lowercase":
        return True
    if normalizer["type"] == "Sequence":
        return all(map(_is_letterwise, normalizer["normalizers"]))
    return normalizer["type"] == "Replace" and len(normalizer["pattern"].get("String", "")) == 1


def _arrays(model: Mapping[str, Any]) -> SortedVocabulary | None:
    """The sorted arrays, or None if two entries have the same hash or the same id, or bytes are merged."""
    tokens, ids = list(model["vocab"]), np.array(list(model["vocab"].values()), np.uint32)
    hashes = _hashes(tokens)
    merges = _merges(model)
    joined = {part for left, right in merges for part in (left, right, left + right)}
    if min(len(np.unique(hashes)), len(np.unique(ids))) < len(tokens) or any(map(BYTE.fullmatch, joined)):
        return None
    order = np.argsort(hashes)
    letters = [tokens[place].encode() for place in order.tolist()]
    pairs, ranks = _sorted_pairs(merges, model["vocab"])
    return SortedVocabulary(
        hashes=hashes[order],
        ids=ids[order],
        ends=np.cumsum([len(each) for each in letters], dtype=np.uint32),
        letters=np.frombuffer(b"".join(letters), np.uint8),
        pairs=pairs,
        ranks=ranks,
    )


def _hashes(tokens: Sequence[str]) -> NDArray[np.uint64]:
    hashes, lengths = np.ones(len(tokens), np.uint64), np.array([len(token) for token in tokens])
    for position in range(lengths.max(initial=0)):
        longer = np.flatnonzero(lengths > position)
        codes = np.array([ord(tokens[place][position]) for place in longer.tolist()], np.uint64)
        hashes[longer] = extended(hashes[longer], codes)
    return hashes


def _merges(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The merges by their rank. Older files have each as one text, with a space between the parts."""
    parted = (merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"])
    return [(left, right) for left, right in parted]


def _sorted_pairs(
    merges: Sequence[tuple[str, str]], vocabulary: Mapping[str, int]
) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """The pairs of ids as sorted numbers, and the rank of each. Of equal pairs, the last one counts."""
    ranked = {vocabulary[left] << 32 | vocabulary[right]: rank for rank, (left, right) in enumerate(merges)}
    pairs, ranks = np.array(list(ranked), np.uint64), np.array(list(ranked.values()), np.uint32)
    order = np.argsort(pairs)
    return pairs[order], ranks[order]


def _frame(content: Mapping[str, Any]) -> dict[str, Any]:
    """A tokenizer with only the entries for bytes and for added and unknown tokens."""
    model = content["model"]
    always = {model.get("unk_token"), *(token["content"] for token in content["added_tokens"])}
    kept = {token: id for token, id in model["vocab"].items() if token in always or BYTE.fullmatch(token)}
    return {**content, "model": {**model, "vocab": kept, "merges": []}}
