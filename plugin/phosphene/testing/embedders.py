"""The conformance suite of embedders, which tests the promises of the Protocol Embedder."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest
from PIL import Image as pillow
from PIL.Image import Image as Picture

from phosphene.embedding import Embedder, PatchEncoder
from phosphene.errors import ModelError
from phosphene.vectors import Vectors

TEXTS = ["a red house", "two boats at night", "snow", "ünïcödé 雪 🏠", "", "two\nlines\tand 'quotes'"]
LONG = "a small red house beside the frozen lake " * 1000
SIZES = ((64, 64), (120, 40), (17, 64), (1, 1), (300, 200))  # width and height in pixels
THREADS = 4
CLOSE = 1e-4  # the tolerance for numbers in vectors, because a batch may round differently


def pictures() -> list[Picture]:
    """RGB pictures of several shapes and sizes. They are the same in every call."""
    noise = np.random.default_rng(0)
    return [
        pillow.fromarray(noise.integers(0, 256, (height, width, 3), dtype=np.uint8))
        for width, height in SIZES
    ]


class EmbedderTests:
    """The tests of the promises that the Protocol `phosphene.embedding.Embedder` makes.

    The fixture `embedder` returns the embedder. If opening takes long, define the fixture outside of the
    class with `scope="module"`.
    """

    # ── the space ─────────────────────────────────────────────────────────────────────────

    def test_its_space_has_an_id_a_name_and_a_dimension(self, embedder: Embedder) -> None:
        space = embedder.space
        assert space.id and space.name and space.dimension >= 1
        assert space == embedder.space

    # ── texts ─────────────────────────────────────────────────────────────────────────────

    def test_texts_become_unit_vectors(self, embedder: Embedder) -> None:
        assert_unit(embedder.texts(TEXTS), len(TEXTS), embedder)

    def test_no_texts_are_no_vectors(self, embedder: Embedder) -> None:
        assert_unit(embedder.texts([]), 0, embedder)

    def test_the_same_text_has_the_same_vector(self, embedder: Embedder) -> None:
        assert np.array_equal(embedder.texts(TEXTS), embedder.texts(TEXTS))

    def test_a_text_has_the_same_vector_in_any_batch(self, embedder: Embedder) -> None:
        alone = np.concatenate([embedder.texts([text]) for text in TEXTS])
        assert_close(embedder.texts(TEXTS), alone)
        assert_close(embedder.texts(TEXTS[::-1])[::-1], alone)

    def test_different_texts_have_different_vectors(self, embedder: Embedder) -> None:
        assert_different(embedder.texts(TEXTS[:3]))

    def test_a_short_text_is_not_cut(self, embedder: Embedder) -> None:
        assert embedder.cut(TEXTS[0]) is None

    def test_a_long_text_has_the_vector_of_the_part_that_is_used(self, embedder: Embedder) -> None:
        assert_unit(embedder.texts([LONG]), 1, embedder)
        cut = embedder.cut(LONG)
        if cut is not None:
            assert cut.text == LONG and LONG.startswith(cut.used) and len(cut.used) < len(LONG)
            assert embedder.cut(cut.used) is None
            whole, used = embedder.texts([LONG, cut.used])
            assert whole @ used > 0.9  # `used` ends with a whole word, but the model may cut within one

    # ── pictures ──────────────────────────────────────────────────────────────────────────

    def test_pictures_of_any_size_are_prepared_alike(self, embedder: Embedder) -> None:
        prepared = [embedder.prepare(picture) for picture in pictures()]
        assert {pixels.dtype for pixels in prepared} == {np.dtype(np.uint8)}
        [shape] = {pixels.shape for pixels in prepared}
        assert len(shape) == 3 and shape[2] == 3

    def test_preparing_a_picture_leaves_it_as_it_was(self, embedder: Embedder) -> None:
        for picture in pictures():
            before = picture.copy()
            embedder.prepare(picture)
            assert picture == before

    def test_pictures_become_unit_vectors_with_norms(self, embedder: Embedder) -> None:
        embedded = embedder.pictures([embedder.prepare(picture) for picture in pictures()])
        assert_unit(embedded.vectors, len(SIZES), embedder)
        assert embedded.norms.shape == (len(SIZES),) and embedded.norms.dtype == np.float32
        assert np.all(np.isfinite(embedded.norms)) and np.all(embedded.norms > 0)

    def test_no_pictures_are_no_vectors(self, embedder: Embedder) -> None:
        embedded = embedder.pictures([])
        assert_unit(embedded.vectors, 0, embedder)
        assert embedded.norms.shape == (0,)

    def test_a_picture_has_the_same_vector_in_any_batch(self, embedder: Embedder) -> None:
        prepared = [embedder.prepare(picture) for picture in pictures()]
        together = embedder.pictures(prepared)
        alone = [embedder.pictures([pixels]) for pixels in prepared]
        assert_close(together.vectors, np.concatenate([one.vectors for one in alone]))
        norms = np.concatenate([one.norms for one in alone])
        np.testing.assert_allclose(together.norms, norms, rtol=CLOSE)

    def test_different_pictures_have_different_vectors(self, embedder: Embedder) -> None:
        assert_different(embedder.pictures([embedder.prepare(picture) for picture in pictures()]).vectors)

    def test_the_places_of_a_picture_have_unit_vectors_if_it_sees_them(self, embedder: Embedder) -> None:
        if not isinstance(embedder, PatchEncoder):
            return
        for picture in pictures():
            try:
                patches = embedder.patches(picture)
            except ModelError:  # this model sees none
                return
            rows, columns = patches.shape[:2]
            assert_unit(patches.reshape(rows * columns, -1), rows * columns, embedder)

    def test_many_threads_embed_at_once(self, embedder: Embedder) -> None:
        def embed(picture: Picture) -> Vectors:
            return embedder.pictures([embedder.prepare(picture)]).vectors

        one_by_one = [embed(picture) for picture in pictures()]
        with ThreadPoolExecutor(THREADS) as threads:
            for vectors, expected in zip(threads.map(embed, pictures()), one_by_one, strict=True):
                assert_close(vectors, expected)


def assert_unit(vectors: Vectors, count: int, embedder: Embedder) -> None:
    """Assert that these are `count` unit vectors of the embedder's space."""
    assert vectors.shape == (count, embedder.space.dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=CLOSE)


def assert_close(vectors: Vectors, expected: Vectors) -> None:
    """Assert that the vectors are the same except for rounding."""
    np.testing.assert_allclose(vectors, expected, atol=CLOSE)


def assert_different(vectors: Vectors) -> None:
    """Assert that no two of the vectors are the same."""
    for first, second in combinations(vectors, 2):
        assert np.linalg.norm(first - second) > CLOSE
