"""Models of the kinds of SigLIP2 and PE-Core, whose image towers are timm's, work from `add` to `search`."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import phosphene
import tiny_clips
from hub_server import HubServer
from phosphene.embedding import Embedder, open_embedder
from phosphene.embedding.identity import identify
from phosphene.embedding.openclip import OpenClip
from phosphene.embedding.tokenizing.loading import full_tokenizer
from phosphene.embedding.towers.by_torch import TorchTowers
from phosphene.embedding.towers.kept import kept_of
from phosphene.embedding.weights import fetch, resolve
from phosphene.errors import ModelError
from phosphene.testing.embedders import LONG, EmbedderTests
from phosphene.vectors import unit

KINDS = ("siglip2", "pe_core")
TEXTS = ["a red house in the snow", "Zwei BLAUE Boote; zeppelin 🙂", "", "красный дом", "sea " * 100]
Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A function that returns a folder of open_clip by its kind, which is written once."""
    return cache(lambda kind: getattr(tiny_clips, kind)(tmp_path_factory.mktemp("clips") / kind))


@pytest.fixture
def siglip2(tmp_path: Path) -> Path:
    """A SigLIP2 that a test may change."""
    return tiny_clips.siglip2(tmp_path / "siglip2")


def pictures() -> list[Image.Image]:
    """Pictures of several shapes."""
    noise = np.random.default_rng(0)
    sizes = ((32, 32), (100, 40), (17, 64), (500, 400))
    return [Image.fromarray(noise.integers(0, 256, (h, w, 3), np.uint8)) for w, h in sizes]


def refusal(folder: Path, **vision: object) -> str:
    """The error of a model with other settings of its image tower."""
    card = json.loads((folder / "open_clip_config.json").read_text())
    card["model_cfg"]["vision_cfg"] |= vision
    (folder / "open_clip_config.json").write_text(json.dumps(card))
    with pytest.raises(ModelError) as caught:
        open_embedder(f"local-dir:{folder}").texts(["snow"])
    return caught.value.message


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_are_those_of_open_clip(folder: Folder, kind: str) -> None:
    name = f"local-dir:{folder(kind)}"
    embedder = open_embedder(name)
    model, preprocess = open_clip.create_model_from_pretrained(name)
    ids = open_clip.get_tokenizer(name)(TEXTS)
    with torch.inference_mode():
        texts = model.eval().encode_text(ids, normalize=True).numpy()
        batch = torch.stack([preprocess(picture) for picture in pictures()])
        expected = model.encode_image(batch, normalize=True).numpy()
    found = embedder.pictures([embedder.prepare(picture) for picture in pictures()])
    np.testing.assert_allclose(embedder.texts(TEXTS), texts, atol=1e-4)
    np.testing.assert_allclose(found.vectors, expected, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_exported_towers_compute_what_torch_does(folder: Folder, kind: str) -> None:
    weights = resolve(f"local-dir:{folder(kind)}")
    space = identify(weights)
    embedder, by_torch = OpenClip(weights, space, "cpu"), TorchTowers(weights, "cpu")
    pixels = [embedder.prepare(picture) for picture in pictures()]
    raw = by_torch.run("image", np.stack(pixels))
    found = embedder.pictures(pixels)
    expected = unit(by_torch.run("text", full_tokenizer(weights)(TEXTS)))
    np.testing.assert_allclose(embedder.texts(TEXTS), expected, atol=1e-4)
    np.testing.assert_allclose(found.vectors, unit(raw), atol=1e-4)
    np.testing.assert_allclose(found.norms, np.linalg.norm(raw, axis=1), rtol=1e-4)
    assert all(kept_of(space).find(tower) for tower in ("text", "image"))


def in_16_bits(folder: Path) -> float:
    """The share of the numbers in an exported text tower that are stored in 16 bits."""
    graph = kept_of(identify(resolve(f"local-dir:{folder}"))).graph("text")
    tensors = onnx.load(graph, load_external_data=False).graph.initializer
    sizes = [(tensor.data_type == onnx.TensorProto.INT16, np.prod(tensor.dims)) for tensor in tensors]
    return float(sum(size for is_small, size in sizes if is_small) / sum(size for _, size in sizes))


def test_text_towers_are_stored_in_16_bits(siglip2: Path) -> None:
    open_embedder(f"local-dir:{siglip2}", device="cpu").texts(["snow"])
    assert in_16_bits(siglip2) > 0.8


def test_weights_for_which_16_bits_do_not_suffice_are_stored_in_32(siglip2: Path) -> None:
    """One number is so much larger than the others of its row that nothing would be left of these."""
    weights = load_file(file := siglip2 / "open_clip_model.safetensors")
    weights["text.transformer.resblocks.0.mlp.c_fc.weight"][0] = 1e4
    save_file(weights, file)
    name = f"local-dir:{siglip2}"
    expected = unit(TorchTowers(resolve(name), "cpu").run("text", full_tokenizer(resolve(name))(TEXTS)))
    np.testing.assert_allclose(open_embedder(name, device="cpu").texts(TEXTS), expected, atol=1e-4)
    assert in_16_bits(siglip2) == 0


def test_a_text_tower_of_transformers_is_exported(hub: HubServer, tmp_path: Path) -> None:
    made = tiny_clips.xlm_roberta(tmp_path / "clip")
    hub.repositories |= {"laion/tiny-xlm": made, "xlm-roberta-base": made / "xlm-roberta-base"}
    weights = fetch("hf-hub:laion/tiny-xlm")
    expected = unit(TorchTowers(weights, "cpu").run("text", full_tokenizer(weights)(TEXTS)))
    space = identify(weights)
    np.testing.assert_allclose(OpenClip(weights, space, "cpu").texts(TEXTS), expected, atol=1e-4)
    assert kept_of(space).find("text"), kept_of(space).refusal("text")


class TestSigLIP2(EmbedderTests):
    @pytest.fixture
    def embedder(self, folder: Folder) -> OpenClip:
        return open_embedder(f"local-dir:{folder('siglip2')}")  # type: ignore[return-value]

    def test_a_long_text_has_the_vector_of_the_part_that_is_used(self, embedder: Embedder) -> None:
        """SigLIP2 pools the last token, which is the end of a text that is cut, and else padding.

        Trained weights treat both alike, and random ones do not. So only the part itself is compared.
        """
        cut = embedder.cut(LONG)
        assert cut is not None
        assert LONG.startswith(cut.used)
        assert embedder.cut(cut.used) is None


class TestPECore(EmbedderTests):
    @pytest.fixture
    def embedder(self, folder: Folder) -> OpenClip:
        return open_embedder(f"local-dir:{folder('pe_core')}")  # type: ignore[return-value]


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_added_and_found(folder: Folder, kind: str, tmp_path: Path) -> None:
    for number, picture in enumerate(pictures()):
        picture.save(tmp_path / f"{number}.png")
    with phosphene.open(tmp_path / "library", model=f"local-dir:{folder(kind)}", create=True) as library:
        assert library.add([tmp_path]).added == 4
        assert len(library.search("a red house in the snow", count=4)) == 4
        [nearest] = library.search(str(tmp_path / "2.png"), count=1)
        assert nearest.image.uri.endswith("2.png")
        assert nearest.score > 0.9999


def test_case_and_punctuation_do_not_matter_to_siglip2(folder: Folder) -> None:
    embedder = open_embedder(f"local-dir:{folder('siglip2')}")
    same, other = embedder.texts(["A red HOUSE, in the snow!", "a red house in the snow"])
    np.testing.assert_array_equal(same, other)


def test_a_siglip2_of_the_hub_comes_with_its_tokenizer(hub: HubServer, folder: Folder) -> None:
    hub.repositories["timm/tiny-siglip2"] = folder("siglip2")
    fetched = fetch("hf-hub:timm/tiny-siglip2")
    assert (fetched.file.parent / "tokenizer.json").is_file()
    here, there = open_embedder("hf-hub:timm/tiny-siglip2"), open_embedder(f"local-dir:{folder('siglip2')}")
    assert here.space.id == there.space.id


def test_an_image_tower_with_another_size_than_configured_is_refused(siglip2: Path) -> None:
    assert "`test_vit3` takes pictures of 160×160 pixels, and not of 64" in refusal(siglip2, image_size=64)
    assert "and not of [160, 320]" in refusal(siglip2, image_size=[160, 320])


def test_image_towers_that_timm_does_not_have_or_that_are_too_large_are_refused(siglip2: Path) -> None:
    assert "Unknown model" in refusal(siglip2, timm_model_name="test_vit33")
    huge = refusal(siglip2, timm_model_name="vit_gigantic_patch14_224", image_size=224)
    assert "it should have 1," in huge and "but the file has only 2," in huge
    for name in ("hf-hub:stranger/tower", "hf_hub:stranger/tower", "local-dir:/tmp/tower", "../tower"):
        assert "invalid value of `vision_cfg.timm_model_name`" in refusal(siglip2, timm_model_name=name)
