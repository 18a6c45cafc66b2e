"""Decodes text in whatever encoding it was saved: UTF-8, UTF-16, UTF-32, or an 8-bit code page.

Captions are short, and in a few bytes all code pages look alike. A Latin code page is recognized by the
letters of its language, any other by charset-normalizer. Where two are equally likely, the text is refused:
no caption is better than a wrong one.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
# For each Latin code page: the letters, other than the English ones, of the languages that use it
LATIN = {
    "cp1252": (
        "äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúü¿¡ªº", "ãáàâçéêíóôõúªº", "àèéìíòóù", "åäöé", "åæøé", "áéëïíóöü",
    ),
    "cp1254": ("çğıöşüâîû",),
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čđšćž", "ăâîşţ"),
}  # fmt: skip
SIGNS = "“”„’‘–—…«»°€£§©®™·×\u00a0"  # used in all of these languages
OTHERS = [
    "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp932", "euc_jp", "gb18030", "big5", "cp949",
]  # fmt: skip
ENOUGH = 2000  # bytes that charset-normalizer needs to recognize a language; a short text is repeated
ALIKE = 0.02  # differences of charset-normalizer's measure of disorder (0 to 1) that mean nothing
CONTROL = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def text_of(content: bytes) -> str:
    """The text in a file's bytes. Raises ValueError, with the reason, if it is not text or not readable."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return _checked(content.decode(encoding))
    if b"\0" in content:
        return _wide(content)
    try:
        return _checked(content.decode())
    except UnicodeDecodeError:
        return _checked(_of_8_bits(content))


def _checked(text: str) -> str:
    if CONTROL.search(text):
        raise ValueError("it is not text")
    return text


def _wide(content: bytes) -> str:
    """Text of 16 or 32 bits a letter without a mark. The places of its zeros tell the order of the bytes."""
    zeros_first = content[::2].count(0) > content[1::2].count(0)
    for encoding in ("utf-32-be", "utf-16-be") if zeros_first else ("utf-32-le", "utf-16-le"):
        try:
            return _checked(content.decode(encoding))
        except ValueError:
            continue
    raise ValueError("it is not text")


def _of_8_bits(content: bytes) -> str:
    lines = b"\n".join(line for line in content.splitlines() if not line.isascii())[: 16 * ENOUGH]
    page = next(_latin(lines), None) or _of_another_script(lines)
    if page is None:
        raise ValueError("its encoding cannot be recognized: save it as UTF-8")
    return content.decode(page, "replace" if len(lines) == 16 * ENOUGH else "strict")


def _latin(lines: bytes) -> Iterator[str]:
    """The code pages in which all letters belong to one language, and no word has a capital inside."""
    for page, alphabets in LATIN.items():
        text = lines.decode(page, "replace")
        letters = {letter.lower() for letter in text if not letter.isascii()} - set(SIGNS)
        inside = any(before.islower() and letter.isupper() for before, letter in pairwise(text))
        if not inside and any(letters <= set(alphabet) for alphabet in alphabets):
            yield page


def _of_another_script(lines: bytes) -> str | None:
    """The code page of a non-Latin script that charset-normalizer finds more likely than all others."""
    from charset_normalizer import from_bytes

    repeated = (lines + b"\n") * (ENOUGH // (len(lines) + 1) + 1)
    found = [match for match in from_bytes(repeated, cp_isolation=OTHERS) if _is_written(str(match))]
    best = min((match.chaos for match in found), default=0.0)
    likely = sorted(
        (match for match in found if match.chaos <= best + ALIKE), key=lambda match: match.coherence
    )
    if not likely or (len(likely) > 1 and likely[-2].coherence == likely[-1].coherence):
        return None
    return likely[-1].encoding


def _is_written(text: str) -> bool:
    """Whether people write like this: in a script other than Latin, and not mostly in capitals.

    Small letters of KOI8 become capitals when they are read as Windows' Cyrillic, and the other way round.
    """
    foreign = any(letter.isalpha() and not letter.isascii() for letter in text)
    return foreign and sum(map(str.isupper, text)) <= sum(map(str.islower, text))
