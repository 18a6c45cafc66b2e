"""The vectors of random phrases, to which those of a query are compared.

Each space has one set, which is made when its model is first loaded for a search, and kept below phosphene's
home beside its towers. It takes the time of 256 short texts, once.
"""

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np

from phosphene.config import home
from phosphene.embedding import Embedder
from phosphene.files import write_whole
from phosphene.records import Space
from phosphene.vectors import Vectors

FORMAT = 1  # of the phrases; sets of another format are made again
PHRASES = 256  # 128 tell hits apart nearly as well, and 1,000 no better (docs/decisions.md)
MAX_WORDS = 5  # of a phrase
COMMON, SHORTEST = 10_000, 4  # the most frequent entries of CLIP's vocabulary, and letters of the words


def random_phrases() -> list[str]:
    """Phrases of one to five frequent words that have nothing to do with each other. Always the same ones."""
    from phosphene.embedding.tokenizing.clip_bpe import WORD_END, vocabulary

    merged = ("".join(pair.split()) for pair in vocabulary()[:COMMON])
    ends = (text.removesuffix(WORD_END) for text in merged if text.endswith(WORD_END))
    words = [word for word in ends if word.isascii() and word.isalpha() and len(word) >= SHORTEST]
    chance = np.random.default_rng(FORMAT)
    lengths = chance.integers(1, MAX_WORDS + 1, PHRASES)
    return [" ".join(chance.choice(words, length)) for length in lengths.tolist()]


def kept(space: Space) -> Vectors | None:
    """The vectors (n, d) of the phrases in a space, or None if they have not been made yet."""
    with suppress(OSError, ValueError, EOFError):  # there is no file, or it is damaged and is made again
        found = np.load(_file(space))
        if found.shape == (PHRASES, space.dimension) and found.dtype == np.float32:
            return np.asarray(found)
    return None


def made(space: Space, load: Callable[[], Embedder]) -> Vectors:
    """The vectors (n, d) of the phrases in a space, which are kept from now on if home can be written."""
    if (found := kept(space)) is not None:
        return found
    vectors = load().texts(random_phrases())
    content = BytesIO()
    np.save(content, vectors)
    with suppress(OSError):
        _file(space).parent.mkdir(parents=True, exist_ok=True)
        write_whole(_file(space), content.getvalue())
    return vectors


def _file(space: Space) -> Path:
    name = sha256(space.id.encode()).hexdigest()[:32]  # because a library's manifest says the id
    return home() / "backgrounds" / f"{name}.{FORMAT}.npy"
