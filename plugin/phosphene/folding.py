"""Folding texts, and the words in them, by which filters find a text just as a Weaviate server does.

A word is a run of letters and digits, in small letters and without accents. It is what the tokenization
`word` makes of a text with `asciiFold` (entities/tokenizer in Weaviate 1.39): a table replaces the letters
that Unicode does not decompose, nonspacing marks are dropped, and the rest is composed again. So `Ærø` is
`aero`, `snow_house` is two words, and Chinese and Japanese are split only at their punctuation.
"""

import re
from collections.abc import Mapping
from functools import cache
from unicodedata import category, decomposition, normalize

WORD = re.compile(r"[^\W_]+")  # the categories L and N of Unicode
# What asciiFold replaces, beside the letters that Unicode decomposes into a base and nonspacing marks.
SINGLE = {
    "łŁøØđĐħĦŧŦɨƗƀɃɇɆɉɈɍɌɏɎⱥȺðÐıİĸŉſ": "lLoOdDhHtTiIbBeEjJrRyYaAdDiIkns",
    "ɓƈɗƒɠɦƙɱɲƞƥʠɽʂƭʋⱳƴʐ": "bcdfghkmnnpqrstvwyz",
    "ƁƇƊƑƓƘƝƤƬƲƳȤ": "BCDFGKNPTVYZ",
}
SEVERAL = {
    **{"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ĳ": "ij", "Ĳ": "IJ"},
    **{"ß": "ss", "ẞ": "SS", "þ": "th", "Þ": "TH"},
    **{"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"},
}
TABLE = {ord(letter): base for few, bases in SINGLE.items() for letter, base in zip(few, bases, strict=True)}
TABLE |= {ord(letter): base for letter, base in SEVERAL.items()}
# They connect the words of a prompt or a caption, or talk to the program, and name nothing that a picture
# could show.
FUNCTION_WORDS = frozenset(
    WORD.findall(
        "a an the and or but of to in on at by for from with as into onto over across through against "
        "near beside between around along past there here where when while who which that this these "
        "those it its is are was were be being been am i me my you your we us our they them their he him "
        "his she her some any all every each other another more most very so just only also could would "
        "can will may please want like show find make draw picture image"
    )
)
PLANES = range(0x30000)  # of Unicode, in which letters fold to others


def words_of(*texts: str) -> frozenset[str]:
    """The words of all these texts."""
    return frozenset(word for text in texts for word in WORD.findall(folded(text)))


def folded(text: str) -> str:
    """The text in small letters and without accents."""
    if not text.isascii():
        decomposed = normalize("NFD", text.translate(TABLE))
        bases = "".join(letter for letter in decomposed if category(letter) != "Mn")
        text = normalize("NFC", bases.translate(TABLE))
    # Python alone writes a sigma at the end of a word in another way than elsewhere.
    return text.replace("Σ", "σ").lower()


@cache
def unfolded() -> Mapping[str, str]:
    """What folds to other letters, by these letters, such as `EéÉ…` by `e`, and `ßẞ` by `ss`."""
    found: dict[str, str] = {}
    for letter in map(chr, PLANES):
        changes = letter.lower() != letter or decomposition(letter) or ord(letter) in TABLE
        if changes and (base := folded(letter)) not in (letter, ""):
            found[base] = found.get(base, "") + letter
    return found
