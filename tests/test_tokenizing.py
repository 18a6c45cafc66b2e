"""Texts become the token ids that open_clip's own tokenizers make, without torch and transformers."""

from pathlib import Path

import numpy as np
import open_clip
import pytest
from hypothesis import given
from hypothesis import strategies as st
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer, get_clean_fn

from phosphene.embedding.tokenizing.cleaning import cleaned
from phosphene.embedding.tokenizing.clip_bpe import ClipTokenizer
from phosphene.embedding.tokenizing.tokenizer_json import HubTokenizer
from phosphene.embedding.tokenizing.truncation import TOKEN, cut, readable
from tiny import tiny_clip

CONTEXT = 20
ODD = [
    *(
        "",
        " ",
        "a red house",
        "it's we're I'LL",
        "1,234.5 km² ½ Ⅻ ٣",
        "don't  STOP\n\tnow\r\n",
        "naïve café ﬁne",
    ),
    *(
        "&amp; &lt;b&gt; &amp;amp;lt; &#x1F600; &notit;",
        "â€œquotesâ€\x9d",
        "雪 снег ثلج हिम 🙂👩‍👩‍👧",
        "a\u200bb\u0000c\ufeff",
    ),
    *("<start_of_text> in <END_OF_TEXT>", "<end_of_text>", "_under_score_ --- !!!", "x" * 300, "!?" * 300),
    *("İstanbul ſhort K", "\ud83d", "\x1b[31mred\x1b[0m", "e\u0301 \u1112\u1161\u11ab"),
]
PARTS = st.sampled_from(
    [*ODD, "'s", "'T", " ", "&", ";", "<", ">", "end_of_text", "_", "İ", "ß", "\u0345", "é", "9", "Ⅷ", "\xa0"]
)
TEXTS = st.one_of(st.text(), st.text(st.characters(max_codepoint=127)), st.lists(PARTS).map("".join))
MODES = ("lower", "whitespace", "canonicalize")


@given(TEXTS, st.sampled_from(MODES))
def test_texts_are_cleaned_as_open_clip_does(text: str, how: str) -> None:
    assert cleaned(text, how) == get_clean_fn(how)(text)


@pytest.fixture(scope="module", params=MODES)
def pair(request: pytest.FixtureRequest) -> tuple[ClipTokenizer, SimpleTokenizer]:
    """Our tokenizer and open_clip's own, for one way of cleaning."""
    return ClipTokenizer(CONTEXT, request.param), SimpleTokenizer(context_length=CONTEXT, clean=request.param)


@given(text=TEXTS.filter(lambda text: text.isascii() or text.encode(errors="replace").decode() == text))
def test_ids_are_those_of_open_clip(pair: tuple[ClipTokenizer, SimpleTokenizer], text: str) -> None:
    ours, theirs = pair
    assert np.array_equal(ours([text, "snow"]), theirs([text, "snow"]).numpy())
    assert ours.fits(text) == (len(theirs.encode(text)) + 2 <= CONTEXT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with a tokenizer of its own."""
    return tiny_clip(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("clean", MODES)
def test_ids_of_a_tokenizer_json_are_those_of_transformers(folder: Path, clean: str) -> None:
    ours, theirs = HubTokenizer(folder, 12, clean=clean), HFTokenizer(str(folder), 12, clean=clean)
    assert np.array_equal(ours(ODD), theirs(ODD).numpy())


# ── long texts ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "a red house in the snow",
        "the quick brown fox " * 500,
        " " * 5000 + "a cat",
        "".join(map(chr, range(0x4E00, 0x4E00 + 3000))),
        "".join(map(chr, range(0x1F300, 0x1F300 + 300))) * 3,
        "".join(map(chr, range(0x0E01, 0x0E30))) * 9,
        "internationalisation incomprehensibilities " * 100,
    ],
)
def test_text_beyond_the_context_of_a_model_does_not_count(text: str) -> None:
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    read = readable(text, tokenizer.context_length)
    assert np.array_equal(tokenizer([read]), tokenizer([text]))
    assert len(read.replace(" ", "")) <= tokenizer.context_length * TOKEN
    assert text.startswith(read)


def test_a_text_is_cut_after_the_last_whole_word() -> None:
    tokenizer = ClipTokenizer(6)
    assert cut("a red house", tokenizer) is None
    found = cut("a red house in the snow", tokenizer)
    assert found is not None and found.used == "a red house in"
    letters = cut("x" * 60_000, tokenizer)
    assert letters is not None and 0 < len(letters.used) < 100
