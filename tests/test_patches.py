"""The vectors of the places of a picture, and the masks that words become by them."""

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image as pillow

from phosphene.embedding import PatchEncoder, open_embedder
from phosphene.embedding.patches import can_see_patches, patches_of
from phosphene.errors import ModelError
from phosphene.generation.word_masks import NEUTRAL, decoded, encoded, see, word_mask
from phosphene.landscape.scenes.drawing import draw
from phosphene.landscape.scenes.scene import compose
from tiny import tiny_clip


def seen(seed: int, words: str) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Where the built-in model sees words in the drawn scene of a seed, on a grid of 64 by 64."""
    embedder = open_embedder("landscape")
    vectors = embedder.texts([words, *NEUTRAL])
    mask = word_mask(see(embedder, draw(compose(seed), 256)), vectors[0], list(vectors[1:]))
    return np.asarray(mask) > 0


@pytest.mark.parametrize(
    ("seed", "words", "column", "row"),
    [
        (200_101, "the red house", 53, 40),
        (200_101, "three trees", 20, 40),
        (200_103, "the lighthouse", 44, 40),
        (200_109, "the castle", 42, 44),
        (200_110, "the red tent", 46, 44),
    ],
)
def test_the_mask_lies_on_what_the_words_name(seed: int, words: str, column: int, row: int) -> None:
    mask = seen(seed, words)
    rows, columns = np.nonzero(mask)
    assert mask[row, column] and mask.mean() < 0.4
    assert abs(columns.mean() - column) < 10 and abs(rows.mean() - row) < 10


def test_every_place_of_a_picture_has_a_unit_vector(tmp_path: Path) -> None:
    picture = draw(compose(200_101), 96)
    for name, grid in (("landscape", (8, 8, 256)), (f"local-dir:{tiny_clip(tmp_path / 'tiny')}", (2, 2, 8))):
        embedder = open_embedder(name)
        assert isinstance(embedder, PatchEncoder)
        patches = embedder.patches(picture)
        assert patches.shape == grid and patches.dtype == np.float32
        assert np.linalg.norm(patches, axis=-1) == pytest.approx(1, abs=1e-4)


def test_a_place_of_a_transformer_follows_its_own_pixels(tmp_path: Path) -> None:
    """The tiny model has one layer, so that its values see no other place."""
    embedder = open_embedder(f"local-dir:{tiny_clip(tmp_path / 'tiny')}")
    assert isinstance(embedder, PatchEncoder)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    other = pixels.copy()
    other[:16, 16:] = 255 - other[:16, 16:]
    apart = np.abs(embedder.patches(pillow.fromarray(pixels)) - embedder.patches(pillow.fromarray(other)))
    assert apart[0, 1].max() > 1e-3
    assert apart[[0, 1, 1], [0, 0, 1]].max() < 1e-6


def test_a_tower_with_an_attention_pooler_has_no_places() -> None:
    vision = {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16}
    text = {"context_length": 8, "vocab_size": 50, "width": 16, "heads": 2, "layers": 1}
    model = open_clip.CLIP(8, {**vision, "attentional_pool": True, "attn_pooler_heads": 2}, text)
    assert not can_see_patches(model.visual)


class Blind:
    """An embedder that has no places."""

    space = open_embedder("landscape").space


def test_an_embedder_without_places_says_what_to_do_instead() -> None:
    with pytest.raises(ModelError, match="does not see where things are") as raised:
        see(Blind(), pillow.new("RGB", (8, 8)))  # type: ignore[arg-type]
    assert "--mask X,Y,W,H" in raised.value.hint


def test_a_mask_survives_its_way_through_a_recipe() -> None:
    mask = pillow.new("L", (64, 64), 0)
    mask.paste(255, (10, 20, 30, 50))
    assert decoded(encoded(mask), (64, 64)) == mask
    large = np.asarray(decoded(encoded(mask), (640, 320)))
    assert set(np.unique(large)) == {0, 255} and abs((large > 0).mean() - 20 * 30 / 64**2) < 0.01


def test_places_are_read_in_rows() -> None:
    torch.manual_seed(0)
    visual = open_clip.model.ModifiedResNet([1, 1, 1, 1], 8, 8, image_size=64, width=8).eval()
    pixels = torch.rand(1, 3, 128, 128)
    with torch.inference_mode():
        upright, turned = patches_of(visual, pixels), patches_of(visual, pixels.flip(3))
    assert upright.shape == (8, 8, 8) and not torch.allclose(upright, turned)
