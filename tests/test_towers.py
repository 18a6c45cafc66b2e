"""Exported towers compute what torch does, are kept once, made again if damaged, and load no torch."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

import phosphene
from command import lines, run
from phosphene.device import has_gpu
from phosphene.embedding.identity import identify
from phosphene.embedding.loading import _built
from phosphene.embedding.openclip import OpenClip
from phosphene.embedding.towers.by_torch import TorchTowers
from phosphene.embedding.towers.kept import Kept, kept_of
from phosphene.embedding.weights import Weights, resolve
from phosphene.vectors import unit
from pictures import drawn
from tiny import tiny_clip

HEAVY = ("torch", "torchvision", "open_clip", "transformers", "diffusers", "fastapi", "onnx", "onnxscript")
TEXTS = ("a red house in the snow", "", "two blue boats", "снег " * 40)
VISION = {"image_size": 32, "layers": 2, "width": 16, "head_width": 8, "patch_size": 16}
TEXT = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
MODELS: dict[str, dict[str, Any]] = {
    "ViT": {},
    "ViT with QuickGELU": {"quick_gelu": True, "vision_cfg": {"image_size": [32, 64]}},
    "ResNet": {"vision_cfg": {"layers": [1, 1, 1, 1], "width": 8, "head_width": 32, "patch_size": None}},
    "custom text": {"custom_text": True, "text_cfg": {"proj_bias": True, "pool_type": "first"}},
    "SigLIP": {
        "custom_text": True,
        "init_logit_bias": -10,
        "vision_cfg": {"attentional_pool": True, "attn_pooler_heads": 2},
        "text_cfg": {"no_causal_mask": True, "pool_type": "last", "proj_bias": True},
    },
    "CoCa": {
        "custom_text": True,
        "vision_cfg": {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
        "text_cfg": {"embed_cls": True, "output_tokens": True},
        "multimodal_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    },
}
EMBED = f"""
import json, sys
from PIL import Image
from phosphene.embedding import open_embedder
embedder = open_embedder(sys.argv[1])
embedder.texts(["a red house", "снег"]), embedder.cut("a red house")
embedder.pictures([embedder.prepare(Image.new("RGB", (40, 30), "teal"))])
print(json.dumps(sorted(set(sys.modules) & set({HEAVY!r}))))
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("model"))


@pytest.fixture
def weights(folder: Path, home: Path) -> Weights:
    return resolve(f"local-dir:{folder}")


def embedder_of(weights: Weights) -> OpenClip:
    return OpenClip(weights, identify(weights), "cpu")


def kept(weights: Weights) -> Kept:
    return kept_of(identify(weights))


def embed(embedder: OpenClip) -> None:
    """Use both towers."""
    embedder.texts(["snow"])
    embedder.pictures([embedder.prepare(drawn(0, (40, 30)))])


def assert_as_by_torch(weights: Weights) -> None:
    """Assert that the exported towers make the vectors that torch makes."""
    embedder, by_torch = embedder_of(weights), TorchTowers(weights, "cpu")
    tokenizer, _ = embedder._towers.text()
    pixels = [embedder.prepare(drawn(number, (50 + number, 40))) for number in range(4)]
    raw = by_torch.run("image", np.stack(pixels))
    embedded = embedder.pictures(pixels)
    expected = unit(by_torch.run("text", tokenizer(TEXTS)))
    np.testing.assert_allclose(embedder.texts(TEXTS), expected, atol=1e-4)
    np.testing.assert_allclose(embedded.vectors, unit(raw), atol=1e-4)
    np.testing.assert_allclose(embedded.norms, np.linalg.norm(raw, axis=1), rtol=1e-4)
    for kind in ("text", "image"):
        assert kept(weights).find(kind), kept(weights).refusal(kind)


def test_exported_towers_compute_what_torch_does(weights: Weights) -> None:
    assert_as_by_torch(weights)


@pytest.mark.parametrize("kind", MODELS)
def test_towers_of_every_kind_compute_what_torch_does(kind: str, home: Path, tmp_path: Path) -> None:
    assert_as_by_torch(resolve(f"local-dir:{small_model(tmp_path / kind, MODELS[kind])}"))


def small_model(folder: Path, changes: dict[str, Any]) -> Path:
    """A model with open_clip's own tokenizer, in the folder that open_clip would write."""
    folder.mkdir()
    config = {**changes, "embed_dim": 8}
    config["vision_cfg"] = {**VISION, **changes.get("vision_cfg", {})}
    config["text_cfg"] = {**TEXT, **changes.get("text_cfg", {})}
    torch.manual_seed(0)
    save_file(_built(config).state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    return folder


def test_a_model_is_exported_once_and_then_needs_no_torch(weights: Weights) -> None:
    embed(embedder_of(weights))
    before = {file: file.stat().st_mtime_ns for file in kept(weights).folder.iterdir()}
    command = [sys.executable, "-c", EMBED, weights.name]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == []
    assert ended.stderr == ""
    assert {file: file.stat().st_mtime_ns for file in kept(weights).folder.iterdir()} == before


def test_the_first_use_says_what_it_does(weights: Weights, caplog: pytest.LogCaptureFixture) -> None:
    embed(embedder_of(weights))
    ours = [record for record in caplog.records if record.name.startswith("phosphene")]
    assert [record.getMessage() for record in ours] == [
        f"Preparing the {kind} tower of `{weights.name}` for quick starts. This happens once."
        for kind in ("text", "image")
    ]


def test_only_the_tower_that_is_needed_is_exported(weights: Weights) -> None:
    embedder_of(weights).texts(["snow"])
    assert kept(weights).find("text") and not kept(weights).find("image")


def test_who_adds_pictures_can_search_without_torch(
    weights: Weights, caplog: pytest.LogCaptureFixture
) -> None:
    """The model is loaded once for both towers."""
    embedder = embedder_of(weights)
    embedder.pictures([embedder.prepare(drawn(0, (40, 30)))])
    assert kept(weights).find("text") and kept(weights).find("image")
    assert [words in caplog.text for words in ("the image tower", "the text tower")] == [True, True]


@pytest.mark.parametrize(
    ("name", "damage"),
    [("text.onnx", "truncated"), ("text.onnx.data", "replaced"), ("text.onnx.data", "deleted")],
)
def test_a_damaged_tower_is_exported_again(weights: Weights, name: str, damage: str) -> None:
    embedder_of(weights).texts(["snow"])
    file = kept(weights).folder / name
    content = file.read_bytes()
    if damage == "deleted":
        file.unlink()
    else:
        file.write_bytes(content[:-7] if damage == "truncated" else content[:-7] + b"another")
    assert kept(weights).find("text") is None
    embedder_of(weights).texts(["snow"])
    assert file.read_bytes() == content


def test_what_a_killed_export_left_behind_is_cleared_away(weights: Weights) -> None:
    left = kept(weights).folder / "part-killed"
    left.mkdir(parents=True)
    (left / "text.onnx").write_bytes(b"half of it")
    embedder_of(weights).texts(["snow"])
    assert not left.exists()


def test_processes_that_start_together_export_once(weights: Weights) -> None:
    command = [sys.executable, "-c", EMBED, weights.name]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    told = b"".join(process.communicate()[1] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert told.count(b"Preparing the text tower") == told.count(b"Preparing the image tower") == 1


def test_with_a_home_that_cannot_be_written_a_model_runs_by_torch(
    weights: Weights, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = embedder_of(weights).texts(["snow"])
    home.rename(home.with_name("other"))
    home.write_text("a file where a folder should be")
    found = embedder_of(weights).texts(["snow"])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert "cannot be kept in" in caplog.text


def test_a_tower_that_cannot_be_exported_is_not_tried_again(
    weights: Weights, caplog: pytest.LogCaptureFixture
) -> None:
    before = embedder_of(weights).texts(["snow"])
    with kept(weights).lock():
        kept(weights).refuse("text", "its vectors differ")
    caplog.clear()
    np.testing.assert_allclose(embedder_of(weights).texts(["snow"]), before, atol=1e-4)
    assert kept(weights).refusal("text") == "its vectors differ"
    assert caplog.text == ""


def test_a_tokenizer_that_needs_transformers_leaves_the_text_tower_to_torch(
    folder: Path, home: Path, tmp_path: Path
) -> None:
    """open_clip's mode `clips` puts a class token behind the padding."""
    copy = Path(shutil.copytree(folder, tmp_path / "clips"))
    edit(copy / "tokenizer_config.json", lambda settings: settings.update(cls_token="<end>"))
    edit(
        copy / "open_clip_config.json",
        lambda card: card["model_cfg"]["text_cfg"].update(tokenizer_mode="clips"),
    )
    weights = resolve(f"local-dir:{copy}")
    embedder = embedder_of(weights)
    model, _ = open_clip.create_model_from_pretrained(weights.name)
    with torch.inference_mode():
        ids = open_clip.get_tokenizer(weights.name)(list(TEXTS))
        expected = model.eval().encode_text(ids, normalize=True).numpy()
    np.testing.assert_allclose(embedder.texts(TEXTS), expected, atol=1e-5)
    assert embedder.cut(TEXTS[0]) is None and embedder.cut(TEXTS[3]) is not None
    assert kept(weights).refusal("text") == "its tokenizer needs transformers"


def edit(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a file of JSON."""
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def test_many_threads_on_one_core_each_get_the_vectors_of_one(weights: Weights) -> None:
    embedder = embedder_of(weights)
    prepared = [embedder.prepare(drawn(number, (40, 30))) for number in range(8)]
    expected = embedder.pictures(prepared)
    with embedder.one_core_each(), ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda pixels: embedder.pictures([pixels]), prepared))
    np.testing.assert_allclose(np.concatenate([one.vectors for one in found]), expected.vectors, atol=1e-4)


def test_beside_a_gpu_torch_embeds_the_pictures(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phosphene.embedding.towers.runtime.has_gpu", lambda: True)
    embed(OpenClip(weights, identify(weights), "auto"))
    assert kept(weights).find("text") and not kept(weights).find("image")


def test_hidden_gpus_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("phosphene.device.pick_device", lambda _: pytest.fail("torch was asked"))
    assert not has_gpu()


def test_what_was_prepared_of_a_model_can_be_deleted(weights: Weights) -> None:
    embedder_of(weights).texts(["snow"])
    size = kept(weights).size
    assert run("models", "remove", weights.name).exit_code == 2, "it asks first"
    assert lines("models", "remove", weights.name, "--yes") == [
        {"name": weights.name, "freed": size, "kept": str(weights.file)}
    ]
    assert size > 1000 and kept(weights).size == 0 and weights.file.is_file()
    assert lines("models", "remove", weights.name, "--yes")[0]["freed"] == 0


# ── commands ──────────────────────────────────────────────────────────────────────────────

COMMAND = f"""
import json, sys
from phosphene.cli import phosphene
try: phosphene(sys.argv[1:])
except SystemExit as ended: assert not ended.code, ended.code
print(json.dumps(sorted(set(sys.modules) & set({HEAVY!r}))))
"""


def test_commands_that_search_and_add_load_no_torch(weights: Weights, tmp_path: Path) -> None:
    """The model is exported first. Each text and each picture is new, so both towers are needed."""
    embed(embedder_of(weights))
    for number in range(3):
        drawn(number, (40, 30)).save(tmp_path / f"{number}.png")
    library = ["-L", str(tmp_path / "library")]
    first = loaded(*library, "add", str(tmp_path / "0.png"), "--model", weights.name)
    with phosphene.open(tmp_path / "library") as opened:
        [image] = opened.store.iterate()
    commands = (
        ("add", str(tmp_path / "1.png"), str(tmp_path / "2.png")),
        ("search", "a house by a lake"),
        ("search", str(tmp_path / "1.png"), "--json"),
        ("walk", "snow", "a summer evening", "-o", str(tmp_path / "walk.png")),
        ("map", "-o", str(tmp_path / "map.png")),
        ("show", image.id),
        ("status",),
        ("remove", image.id, "--yes"),
    )
    assert {command[0]: loaded(*library, *command) for command in commands} == {
        command[0]: [] for command in commands
    }
    assert first == []


def loaded(*words: str) -> list[str]:
    """The heavy packages that a command imports in a process of its own."""
    command = [sys.executable, "-c", COMMAND, *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(ended.stdout.splitlines()[-1])
    return found
