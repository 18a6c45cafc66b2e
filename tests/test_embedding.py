"""Models are found by their names, downloaded and checked, and their vectors are open_clip's own."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from open_clip.model import CLIP
from PIL import Image
from safetensors.torch import load_file

import phosphene
from hub_server import HubServer
from phosphene.embedding import DEFAULT_MODEL, model_names, open_embedder, weights
from phosphene.embedding.identity import identify
from phosphene.embedding.openclip import OpenClip
from phosphene.embedding.tags import PREPROCESS, TAGS, Tag, usual_preprocess
from phosphene.embedding.weights import resolve
from phosphene.errors import ModelError
from phosphene.landscape import CLIP_FOLDER
from phosphene.landscape.scenes import SEEDS, Scene, captions, compose, draw
from phosphene.nets import tokenizer
from phosphene.testing.embedders import EmbedderTests
from phosphene.vectors import Vectors
from tiny import tiny_clip

SMALLEST = "ViT-S-32-alt"  # of the architectures that open_clip knows by name
TEXTS = ["a red house in the snow", "Two  BLUE boats &amp; a zeppelin 🙂", "", "снег"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP in open_clip's format, for pictures of 32 pixels and texts of 12 tokens."""
    return tiny_clip(tmp_path_factory.mktemp("model"))


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that a test may damage."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("PHOSPHENE_HOME", str(home))
    monkeypatch.delenv("HF_HOME", raising=False)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return home


def pictures() -> list[Image.Image]:
    """Pictures of several shapes, some larger and some smaller than the model's input."""
    noise = np.random.default_rng(0)
    sizes = ((32, 32), (100, 40), (17, 64), (1, 1), (300, 200))
    return [Image.fromarray(noise.integers(0, 256, (h, w, 3), np.uint8)) for w, h in sizes]


def refused(name: str) -> ModelError:
    """The error that comes from opening a model and embedding a text."""
    with pytest.raises(ModelError) as caught:
        open_embedder(name).texts(["snow"])
    return caught.value


# ── how a space is written ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "kind", "model", "rest"),
    [
        ("landscape", "built-in", "", ""),
        (DEFAULT_MODEL, "tag", "ViT-B-32-SigLIP2-256", "webli"),
        ("hf-hub:timm/ViT-B-16-SigLIP", "hub", "timm/ViT-B-16-SigLIP", ""),
        ("local-dir:/a/b@c:d", "folder", "", "/a/b@c:d"),
        ("RN50@/weights/mine.pt", "file", "RN50", "/weights/mine.pt"),
    ],
)
def test_each_notation_is_parsed(text: str, kind: str, model: str, rest: str) -> None:
    assert model_names.parse(text) == model_names.ModelName(text, kind, model, rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "landscapes", "hf-hub:alone", "local-dir:", "@file", "A/", "/B", "A/b/c"]
)
def test_the_error_for_a_bad_name_lists_the_notations(text: str) -> None:
    error = refused(text)
    assert f"`{text}`" in error.message
    assert "local-dir:PATH" in error.hint


def test_the_error_for_an_unknown_architecture_suggests_similar_ones() -> None:
    error = refused("ViT-B-23/openai")
    assert "ViT-B-23" in error.message
    assert "`ViT-B-32`" in error.hint


def test_the_error_for_an_unknown_tag_lists_the_known_ones() -> None:
    assert "`laion2b_s34b_b79k`" in refused("ViT-B-32/nonsense").hint


def test_weights_are_not_run_with_the_wrong_activation() -> None:
    assert refused("ViT-B-32/openai").hint == "write `ViT-B-32-quickgelu/openai`"


def test_a_bare_checkpoint_is_prepared_for_as_all_weights_of_its_architecture_are() -> None:
    for name, tags in open_clip.pretrained._PRETRAINED.items():
        known = [preparation(config) for config in tags.values()]
        if known.count(known[0]) == len(known):
            assert preparation(usual_preprocess(name)) == known[0], name


def preparation(config: Mapping[str, Any]) -> list[Any]:
    """How pictures are prepared, as a list to compare. open_clip leaves out what is usual."""
    keys = ("mean", "std", "interpolation", "resize_mode")
    return [np.ravel(config.get(key) or PREPROCESS[key]).tolist() for key in keys]


def test_known_repositories_are_those_of_open_clip() -> None:
    assert DEFAULT_MODEL in TAGS
    for name, tag in TAGS.items():
        config = open_clip.get_pretrained_cfg(*name.split("/"))
        assert config["hf_hub"] == f"{tag.repository}/"
        assert {key: config[key] for key in ("mean", "std", "interpolation", "resize_mode")} == {
            key: tag.preprocess[key] for key in ("mean", "std", "interpolation", "resize_mode")
        }


# ── vectors ───────────────────────────────────────────────────────────────────────────────


def test_vectors_are_those_of_open_clip(folder: Path) -> None:
    embedder = open_embedder(f"local-dir:{folder}")
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    ids = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
    with torch.inference_mode():
        texts = model.eval().encode_text(ids, normalize=True).numpy()
        raw = model.encode_image(torch.stack([preprocess(picture) for picture in pictures()])).numpy()
    embedded = embedder.pictures([embedder.prepare(picture) for picture in pictures()])
    norms = np.linalg.norm(raw, axis=1)
    np.testing.assert_allclose(embedder.texts(TEXTS), texts, atol=1e-5)
    np.testing.assert_allclose(embedded.norms, norms, rtol=1e-5)
    np.testing.assert_allclose(embedded.vectors, raw / norms[:, None], atol=1e-5)


def test_no_texts_and_no_pictures_are_no_vectors(folder: Path) -> None:
    embedder = open_embedder(f"local-dir:{folder}")
    assert embedder.texts([]).shape == (0, 8)
    assert embedder.pictures([]).vectors.shape == (0, 8)


def test_many_threads_get_the_same_vectors(folder: Path) -> None:
    embedder = open_embedder(f"local-dir:{folder}")
    found: list[Any] = []
    ask = [threading.Thread(target=lambda: found.append(embedder.texts(["snow"]))) for _ in range(4)]
    for thread in ask:
        thread.start()
    for thread in ask:
        thread.join()
    assert len(found) == 4
    assert all(np.array_equal(found[0], other) for other in found)


def test_a_text_that_fits_is_not_cut(folder: Path) -> None:
    embedder = open_embedder(f"local-dir:{folder}")
    assert embedder.cut("a red house in the snow at night") is None
    assert embedder.cut("") is None


def test_a_long_text_says_which_part_was_used(folder: Path) -> None:
    embedder = open_embedder(f"local-dir:{folder}")
    text = " ".join(["a red house in the snow at night"] * 1250)  # 10,000 words
    cut = embedder.cut(text)
    assert cut is not None
    assert cut.used == "a red house in the snow at night a red"  # ten words, and two marks
    np.testing.assert_array_equal(embedder.texts([text]), embedder.texts([cut.used]))


def test_a_long_word_is_cut_within(folder: Path) -> None:
    cut = open_embedder(f"local-dir:{folder}").cut("x" * 100)
    assert cut is not None
    assert 0 < len(cut.used) < 100


def test_a_missing_device_is_an_error(folder: Path) -> None:
    with pytest.raises(ModelError, match="abacus") as caught:
        open_embedder(f"local-dir:{folder}", device="abacus")
    assert "`cpu`" in caught.value.hint


# ── identity ──────────────────────────────────────────────────────────────────────────────


def test_a_space_does_not_depend_on_the_folder_of_its_model(folder: Path, copy: Path) -> None:
    here, there = identify(resolve(f"local-dir:{folder}")), identify(resolve(f"local-dir:{copy}"))
    assert here.id == there.id
    assert here.dimension == 8
    assert str(folder) not in here.id


def test_another_preprocessing_is_another_space(folder: Path, copy: Path) -> None:
    card = json.loads((copy / "open_clip_config.json").read_text())
    card["preprocess_cfg"]["std"] = [0.2, 0.3, 0.5]
    (copy / "open_clip_config.json").write_text(json.dumps(card))
    assert identify(resolve(f"local-dir:{copy}")).id != identify(resolve(f"local-dir:{folder}")).id


def test_other_weights_are_another_space(folder: Path, copy: Path) -> None:
    file = copy / "open_clip_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    assert identify(resolve(f"local-dir:{copy}")).id != identify(resolve(f"local-dir:{folder}")).id


def test_finding_a_space_does_not_import_torch(folder: Path) -> None:
    code = (
        "import sys; from phosphene.embedding.weights import resolve; "
        "from phosphene.embedding.identity import identify; "
        f"print(identify(resolve('local-dir:{folder}')).id, 'torch' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == [identify(resolve(f"local-dir:{folder}")).id, "False"]


def test_a_large_file_is_read_once(tmp_path: Path, own_home: Path) -> None:
    from phosphene.embedding import identity

    digest = partial(identity.sha256, remembered_from=10)
    file = tmp_path / "large"
    file.write_bytes(b"first bytes")
    assert digest(file) == hashlib.sha256(b"first bytes").hexdigest()
    remembered = (own_home / "digests.json").read_text()
    assert digest(file) in remembered
    file.write_bytes(b"other, longer bytes")
    assert digest(file) == hashlib.sha256(b"other, longer bytes").hexdigest()


# ── damaged and dangerous files ───────────────────────────────────────────────────────────


def test_missing_parts_of_a_folder_are_named(copy: Path) -> None:
    assert "There is no folder" in refused(f"local-dir:{copy / 'elsewhere'}").message
    (copy / "open_clip_model.safetensors").rename(copy / "other.safetensors")
    assert "`open_clip_model.safetensors`" in refused(f"local-dir:{copy}").hint
    (copy / "open_clip_config.json").unlink()
    assert "`open_clip_config.json`" in refused(f"local-dir:{copy}").message


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"model_cfg": {"embed_dim": 8}}', "\udcff"])
def test_a_bad_configuration_is_named(copy: Path, content: str) -> None:
    (copy / "open_clip_config.json").write_bytes(content.encode(errors="surrogateescape"))
    assert "open_clip_config.json" in refused(f"local-dir:{copy}").message


@pytest.mark.parametrize("length", [0, 5, 60, -1])
def test_a_truncated_file_is_named(copy: Path, length: int) -> None:
    file = copy / "open_clip_model.safetensors"
    file.write_bytes(file.read_bytes()[:length])
    error = refused(f"local-dir:{copy}")
    assert "is truncated" in error.message
    assert str(file) in error.message


def test_weights_of_another_architecture_are_named(copy: Path) -> None:
    card = json.loads((copy / "open_clip_config.json").read_text())
    card["model_cfg"]["vision_cfg"]["width"] = 24
    (copy / "open_clip_config.json").write_text(json.dumps(card))
    assert "cannot be loaded as" in refused(f"local-dir:{copy}").message


def test_a_missing_tokenizer_is_named(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    (copy / "tokenizer_config.json").unlink()
    assert "tokenizer" in refused(f"local-dir:{copy}").message


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an architecture that open_clip lists, in a file that torch wrote."""
    file = tmp_path_factory.mktemp("checkpoint") / "mine.pt"
    torch.manual_seed(0)
    torch.save({"state_dict": open_clip.create_model(SMALLEST).half().state_dict()}, file)
    return file


def test_a_bare_checkpoint_is_loaded_into_its_architecture(checkpoint: Path) -> None:
    embedder = open_embedder(f"{SMALLEST}@{checkpoint}")
    model, preprocess = open_clip.create_model_from_pretrained(SMALLEST, pretrained=str(checkpoint))
    with torch.inference_mode():
        expected = model.eval().encode_image(preprocess(pictures()[4])[None], normalize=True).numpy()
    embedded = embedder.pictures([embedder.prepare(pictures()[4])])
    np.testing.assert_allclose(embedded.vectors, expected, atol=1e-5)
    assert embedder.space.id.startswith(f"{SMALLEST}:")
    assert embedder.cut("snow " * 80) is not None


def test_a_checkpoint_of_another_architecture_is_refused(checkpoint: Path) -> None:
    error = refused(f"ViT-S-16-alt@{checkpoint}")
    assert "ViT-S-16-alt" in error.message
    assert "architecture" in error.hint


def test_a_truncated_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    for length in (0, 3, 1000, -10):
        short = tmp_path / "short.pt"
        short.write_bytes(checkpoint.read_bytes()[:length])
        assert "truncated" in refused(f"{SMALLEST}@{short}").message


class Payload:
    """An object in a hostile checkpoint, which runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path, zipped: bool) -> None:
    mark, file = tmp_path / "it-ran", tmp_path / "evil.pt"
    if zipped:
        torch.save({"state_dict": Payload(mark)}, file)
    else:
        file.write_bytes(pickle.dumps({"state_dict": Payload(mark)}, protocol=2))
    error = refused(f"{SMALLEST}@{file}")
    assert not mark.exists()
    assert "code" in error.message
    assert "safetensors" in error.hint


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("weights, perhaps")
    assert "`.safetensors`" in refused(f"{SMALLEST}@{tmp_path / 'notes.txt'}").hint
    assert "There is no file" in refused(f"{SMALLEST}@{tmp_path / 'gone.pt'}").message


# ── the hub ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def clip(hub: HubServer, folder: Path) -> HubServer:
    """A hub with the repository `tiny/clip`."""
    hub.repositories["tiny/clip"] = folder
    return hub


def refusal(name: str) -> str:
    """The message and the hint of the error that comes from fetching a model."""
    with pytest.raises(ModelError) as caught:
        weights.fetch(name)
    return f"{caught.value.message} {caught.value.hint}"


def test_a_model_of_the_hub_is_fetched_once_and_is_the_same_space(
    clip: HubServer, folder: Path, own_home: Path
) -> None:
    with pytest.raises(ModelError, match="not on this machine") as caught:
        resolve("hf-hub:tiny/clip")
    assert "models fetch hf-hub:tiny/clip" in caught.value.hint
    came: list[int] = []
    weights.fetch("hf-hub:tiny/clip", on_progress=came.append)
    assert sum(came) == sum(file.stat().st_size for file in folder.iterdir())
    here, there = open_embedder("hf-hub:tiny/clip"), open_embedder(f"local-dir:{folder}")
    assert here.space.id == there.space.id
    np.testing.assert_array_equal(here.texts(TEXTS), there.texts(TEXTS))
    assert (own_home / "models").is_dir()
    downloads = clip.downloaded()
    weights.fetch("hf-hub:tiny/clip")
    assert clip.downloaded() == downloads


def test_a_new_library_fetches_its_model_and_reports_the_progress(clip: HubServer, tmp_path: Path) -> None:
    came: list[int] = []
    with phosphene.open(tmp_path / "new.lib", model="hf-hub:tiny/clip", create=True, on_fetch=came.append):
        assert sum(came) > 4000


def test_a_tag_is_fetched_from_its_repository(clip: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TAGS, f"{SMALLEST}/tiny", Tag("tiny/clip", PREPROCESS))
    with pytest.raises(ModelError, match="not on this machine"):
        resolve(f"{SMALLEST}/tiny")
    weights.fetch("hf-hub:tiny/clip")
    assert resolve(f"{SMALLEST}/tiny").file.name == "open_clip_model.safetensors"


def test_a_missing_repository_is_named(clip: HubServer) -> None:
    assert "no repository `tiny/elsewhere`" in refusal("hf-hub:tiny/elsewhere")


def test_without_a_network_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    told = refusal("hf-hub:tiny/clip")
    assert "could not be fetched" in told
    assert "local-dir:PATH" in told


# ── the built-in model ────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def landscape() -> OpenClip:
    found = resolve("landscape")
    return OpenClip(found, identify(found))


class TestLandscape(EmbedderTests):
    @pytest.fixture
    def embedder(self, landscape: OpenClip) -> OpenClip:
        return landscape


def test_the_built_in_model_is_small() -> None:
    found = resolve("landscape")
    stored = load_file(found.file)
    assert sum(value.numel() for value in stored.values()) <= 8_000_000
    assert all(value.dtype == torch.float16 for value in stored.values() if value.is_floating_point())
    assert tokenizer.load(found.file.parent, 64).size <= 4096


def test_the_built_in_model_is_open_clips_own(landscape: OpenClip) -> None:
    name = f"local-dir:{CLIP_FOLDER}"
    model = open_clip.create_model(name)
    assert type(model) is CLIP
    ids = open_clip.get_tokenizer(name)(TEXTS)
    with torch.inference_mode():
        expected = model.eval().encode_text(ids, normalize=True).numpy()
    np.testing.assert_allclose(landscape.texts(TEXTS), expected, atol=1e-5)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [compose(seed) for seed in SEEDS["test"][5000:5200]]


@pytest.fixture(scope="module")
def drawn(landscape: OpenClip, scenes: list[Scene]) -> Vectors:
    """The vectors of the drawn scenes."""
    return landscape.pictures([landscape.prepare(draw(scene, 128)) for scene in scenes]).vectors


def test_the_built_in_model_finds_drawn_scenes(
    landscape: OpenClip, scenes: list[Scene], drawn: Vectors
) -> None:
    scores = landscape.texts([captions(scene)[-1].text for scene in scenes]) @ drawn.T
    assert (scores.argmax(axis=1) == np.arange(200)).mean() > 0.9  # by chance 0.005


def test_two_prompts_rank_differently(landscape: OpenClip, scenes: list[Scene], drawn: Vectors) -> None:
    prompts = ["a red house in the snow at night", "a boat on a sunny sea"]
    night, day = (landscape.texts(prompts) @ drawn.T).argsort(axis=1)[:, ::-1]
    assert not set(night[:5]) & set(day[:5])
    assert {scenes[index].land for index in night[:5]} == {"snow"}
    assert {scenes[index].land for index in day[:5]} <= {"sea", "beach"}


def test_another_topic_scores_lower_than_a_landscape(landscape: OpenClip, drawn: Vectors) -> None:
    near = landscape.texts(
        ["a red house in the snow", "a boat on the sea", "a castle in the forest at night"]
    )
    far = landscape.texts(
        ["a stock chart of quarterly earnings", "spaghetti with meatballs", "the periodic table"]
    )
    assert (near @ drawn.T).max(axis=1).mean() > (far @ drawn.T).max(axis=1).mean()
