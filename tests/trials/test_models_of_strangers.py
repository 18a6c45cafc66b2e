"""A stranger's library does not decide which model is loaded, and no model runs code."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import phosphene
from command import run
from phosphene.embedding import consent, open_embedder
from phosphene.embedding.identity import identify
from phosphene.embedding.weights import resolve
from phosphene.errors import LibraryError, ModelError
from phosphene.landscape.scenes import SEEDS, write
from phosphene.manifest import Manifest
from phosphene.records import Space
from tiny import tiny_clip

RUNS = """import pathlib
pathlib.Path({mark!r}).touch()
from transformers import PreTrainedTokenizerFast
class Evil(PreTrainedTokenizerFast):
    pass
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("made"))


@pytest.fixture
def model(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put a model of the user into the current folder, and give the test its own home."""
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    yield Path(shutil.copytree(made, tmp_path / "model"))


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("drawings"), SEEDS["test"][:3], size=32, workers=1).parent


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def configured(model: Path, part: str, **changes: Any) -> None:
    """Change a part of the model's configuration."""
    card = json.loads((model / "open_clip_config.json").read_text())
    config = card["model_cfg"] if part == "model_cfg" else card["model_cfg"][part]
    config.update(changes)
    (model / "open_clip_config.json").write_text(json.dumps(card))


def refused(name: str) -> ModelError:
    with pytest.raises(ModelError) as caught:
        open_embedder(name).texts(["snow"])
    return caught.value


# ── models that may be loaded ─────────────────────────────────────────────────────────────


def test_a_library_with_the_users_own_model_needs_no_question(model: Path, drawings: Path) -> None:
    assert run("-L", "a.lib", "add", drawings, "--model", "local-dir:model").exit_code == 0

    assert run("-L", "a.lib", "search", "a house").exit_code == 0


def test_it_is_found_from_every_folder_and_for_a_copy(
    model: Path, drawings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("-L", "a.lib", "add", drawings, "--model", "local-dir:model")
    (tmp_path / "elsewhere").mkdir()
    shutil.copytree("a.lib", "elsewhere/b.lib")
    monkeypatch.chdir("elsewhere")

    assert run("-L", "b.lib", "search", "a house").exit_code == 0


@pytest.mark.parametrize(
    "place", ["local-dir:model", "local-dir:a.lib/model", "{}/model", "ViT-B-32@x.pt", "?"]
)
def test_on_another_machine_it_is_asked_for_once(
    model: Path, drawings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    run("-L", "a.lib", "add", drawings, "--model", "local-dir:model")
    shutil.copytree(model, "a.lib/model")
    manifest = Manifest.read(Path("a.lib"))
    assert manifest is not None
    name = place.replace("{}", f"local-dir:{tmp_path}")
    Manifest(Space(manifest.space.id, name, manifest.space.dimension)).write(Path("a.lib"))
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "another"))

    told = run("-L", "a.lib", "search", "a house")
    assert told.exit_code == 1
    assert "phosphene models trust" in told.stderr
    assert run("-L", "a.lib", "status").exit_code == 0  # needs no model

    assert run("models", "trust", "local-dir:model").exit_code == 0
    assert run("-L", "a.lib", "search", "a house").exit_code == 0


def test_naming_it_once_as_the_space_is_enough(
    model: Path, drawings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("-L", "a.lib", "add", drawings, "--model", "local-dir:model")
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "another"))

    assert run("-L", "a.lib", "add", drawings, "--model", "local-dir:model").exit_code == 0
    assert run("-L", "a.lib", "search", "a house").exit_code == 0


def test_a_model_that_has_changed_is_refused(model: Path, drawings: Path, tmp_path: Path) -> None:
    run("-L", "a.lib", "add", drawings, "--model", "local-dir:model")
    shutil.rmtree(model)
    tiny_clip(model, seed=1)

    told = run("-L", "a.lib", "search", "a house")

    assert told.exit_code == 1
    assert "their vectors do not mix" in told.stderr


def test_a_library_that_names_the_wrong_model_is_refused(model: Path) -> None:
    odd = Space("clip-8:" + "0" * 64, "landscape", 8)
    with phosphene.open("a.lib", space=odd, create=True):
        pass

    with phosphene.open("a.lib") as library, pytest.raises(LibraryError, match="do not mix"):
        library.search("a house")


def test_listed_models_need_no_consent() -> None:
    for name in ("landscape", "ViT-B-32/openai", "ViT-B-32-256/datacomp_s34b_b86k"):
        assert consent.name_of(Space("x:1", name, 4), "a.lib") == name


def test_with_a_damaged_file_of_consents_the_user_is_only_asked_again(model: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(exist_ok=True)
    space = identify(resolve("local-dir:model"))
    for content in (b"[", b"[]", b'{"a": 1}', b"\xff", b"[" * 100_000):
        (tmp_path / "home" / "models.json").write_bytes(content)
        with pytest.raises(LibraryError, match="nobody has named"):
            consent.name_of(space, "a.lib")
    consent.remember("local-dir:model", space)
    assert consent.name_of(space, "a.lib") == f"local-dir:{tmp_path / 'model'}"


# ── nothing in a model is code ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("model_cfg", "auto_map", {"AutoModel": "evil.Evil"}),
        ("model_cfg", "trust_remote_code", True),
        ("text_cfg", "trust_remote_code", True),
        ("text_cfg", "hf_model_config", {"auto_map": {}}),
        ("text_cfg", "tokenizer_kwargs", {"trust_remote_code": True}),
        ("text_cfg", "tokenizer_kwargs", {"tokenizer_file": "/etc/passwd"}),
        ("text_cfg", "tokenizer_kwargs", {"reduction_mask": "syntax"}),
        ("text_cfg", "tokenizer_kwargs", {"clean": "os.system"}),
        ("text_cfg", "tokenizer_mode", "other"),
        ("text_cfg", "hf_model_name", "evil/model"),
        ("text_cfg", "hf_model_name", "./model"),
        ("vision_cfg", "timm_model_name", "hf-hub:evil/model"),
        ("vision_cfg", "timm_model_name", "local-dir:/tmp/x"),
        ("vision_cfg", "timm_model_name", "../x"),
        ("vision_cfg", "act_kwargs", {"inplace": {"a": "b"}}),
        ("vision_cfg", "width", 10**9),
        ("vision_cfg", "layers", 10**9),
        ("vision_cfg", "image_size", [32, 10**9]),
        ("text_cfg", "vocab_size", 10**12),
        ("text_cfg", "context_length", -1),
        ("text_cfg", "mlp_ratio", float("nan")),
        ("model_cfg", "embed_dim", 10**12),
        ("model_cfg", "embed_dim", True),
    ],
)
def test_a_key_that_is_not_allowed_is_named(model: Path, part: str, key: str, value: object) -> None:
    configured(model, part, **{key: value})

    error = refused("local-dir:model")

    assert "open_clip_config.json" in error.message
    assert key in error.message
    assert error.hint


@pytest.mark.parametrize(
    "change",
    [
        {"std": [0, 1, 1]},
        {"mean": [0.5]},
        {"mean": "0.5"},
        {"interpolation": "eval"},
        {"resize_mode": "none"},
        {"fill_color": 10**9},
    ],
)
def test_an_invalid_preprocessing_is_named(model: Path, change: dict[str, Any]) -> None:
    edit(model / "open_clip_config.json", preprocess_cfg=change)

    assert f"preprocess_cfg.{next(iter(change))}" in refused("local-dir:model").message


def test_a_configuration_of_a_huge_model_takes_no_memory(model: Path) -> None:
    configured(model, "vision_cfg", width=65_536, layers=100)

    assert "weights, but the file has only" in refused("local-dir:model").message


def test_no_code_beside_a_model_is_run(model: Path, tmp_path: Path) -> None:
    """Without a check, transformers would follow `auto_map` in each of these files."""
    for file, auto in (("tokenizer_config.json", "AutoTokenizer"), ("config.json", "AutoConfig")):
        settings = json.loads((model / file).read_text()) if (model / file).exists() else {}
        settings |= {"auto_map": {auto: "evil.Evil" if auto == "AutoConfig" else [None, "evil.Evil"]}}
        (model / file).write_text(json.dumps(settings | {"model_type": "evil"}))
    (model / "evil.py").write_text(RUNS.format(mark=str(tmp_path / "it-ran")))

    assert open_embedder("local-dir:model").texts(["snow"]).shape == (1, 8)
    edit(model / "tokenizer_config.json", tokenizer_class="Evil")
    assert open_embedder("local-dir:model").texts(["snow"]).shape == (1, 8)
    edit(model / "tokenizer_config.json", tokenizer_class="evil.Evil\x1b[2J")
    assert open_embedder("local-dir:model").texts(["snow"]).shape == (1, 8)
    assert not (tmp_path / "it-ran").exists()


def test_settings_of_a_tokenizer_that_name_files_are_left_out(model: Path) -> None:
    edit(model / "tokenizer_config.json", vocab_file="/etc/passwd", tokenizer_file="/etc/passwd")

    assert open_embedder("local-dir:model").texts(["snow"]).shape == (1, 8)


def test_every_architecture_of_open_clip_is_allowed() -> None:
    from phosphene.embedding import allowed, plain
    from phosphene.embedding.architectures import architectures

    for path in architectures().values():
        allowed.check_model(plain.settings(path), path)


def test_towers_of_other_packages_are_built_as_open_clip_builds_them() -> None:
    import torch

    from phosphene.embedding.architectures import architecture
    from phosphene.embedding.loading import _built, _towers

    for name, kind in (("ViT-B-16-SigLIP", "CustomTextCLIP"), ("coca_ViT-B-32", "CoCa"), ("RN50", "CLIP")):
        with torch.device("meta"), _towers(architecture(name)) as config:
            assert type(_built(config)).__name__ == kind


def test_a_search_of_a_strangers_library_runs_nothing(model: Path, tmp_path: Path) -> None:
    """The command runs as a process of its own, and does not even read the library's model."""
    (model / "evil.py").write_text(RUNS.format(mark=str(tmp_path / "it-ran")))
    space = identify(resolve("local-dir:model"))
    with phosphene.open("evil.lib", space=Space(space.id, "local-dir:evil.lib/model", 8), create=True):
        pass
    shutil.move(model, "evil.lib/model")
    edit(tmp_path / "evil.lib/model/tokenizer_config.json", auto_map={"AutoTokenizer": [None, "evil.Evil"]})

    ended = subprocess.run(
        [sys.executable, "-m", "phosphene", "-L", "evil.lib", "search", "a house"],
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 1
    assert "phosphene models trust local-dir:FOLDER" in ended.stderr
    assert not (tmp_path / "it-ran").exists()
