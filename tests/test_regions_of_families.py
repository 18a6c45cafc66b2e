"""A photograph keeps its size and its pixels outside of the mask, whichever family paints in it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import phosphene
from checkpoint_files import BuildCheckpoint
from pictures import drawn
from tiny_checkpoints import open_clip_folder


@pytest.mark.parametrize("family", ["sd15", "sdxl", "flux1"])
@pytest.mark.parametrize("change", [{"mask": "40,60,50,40"}, {"outpaint": {"right": 30}}])
def test_only_the_mask_changes_and_a_replay_is_the_same(
    family: str, change: dict[str, Any], checkpoint: BuildCheckpoint, tmp_path: Path
) -> None:
    photograph = tmp_path / "photograph.png"
    drawn(0, (200, 130)).save(photograph)
    model, generator = f"local-dir:{open_clip_folder(tmp_path / 'clip')}", str(checkpoint(family))
    with phosphene.open(tmp_path / "lib", model=model, create=True, generator=generator) as library:
        wishes = {"init": photograph, "num_inference_steps": 2, "seed": 5, "candidates": 1, **change}
        [made] = library.generate("a boat", 1, **wishes)
        again = library.replay(made.image.id)

    before, after = (np.asarray(picture) for picture in (Image.open(photograph), made.picture))
    if "outpaint" in change:
        assert after.shape == (130, 230, 3) and np.array_equal(after[:, :200], before)
        assert not np.array_equal(after[:, 200:], np.repeat(before[:, -1:], 30, axis=1))
    else:
        outside = np.ones(before.shape[:2], dtype=bool)
        outside[60:100, 40:90] = False
        assert after.shape == before.shape and np.array_equal(after[outside], before[outside])
        assert (after[~outside] != before[~outside]).any(axis=-1).mean() > 0.5
    assert again.identical and again.image.id == made.image.id
