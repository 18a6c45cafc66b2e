"""The table of embedding models has published facts with their sources, and speeds of this machine."""

import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch

from command import lines, run
from hub_server import HubServer
from phosphene.catalogue import crossmodal, speeds
from phosphene.catalogue.embedding_models import EMBEDDING_MODELS, MANY
from phosphene.embedding import DEFAULT_MODEL, open_embedder
from phosphene.embedding.architectures import architecture
from phosphene.embedding.tags import TAGS
from phosphene.embedding.towers.kept import kept_of
from phosphene.embedding.weights import resolve
from phosphene.machine import processor
from tiny import tiny_clip


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of each test's own."""
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HOME", raising=False)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return tmp_path / "home"


def rows(*words: object) -> dict[str, dict[str, Any]]:
    """The rows of the table by their names."""
    return {row["name"]: row for row in lines("models", "list", *words)}


def test_each_row_has_a_repository_the_right_dimension_and_a_source() -> None:
    assert EMBEDDING_MODELS.keys() == {"landscape", *TAGS}
    for name, facts in EMBEDDING_MODELS.items():
        config = resolve(name).config if name == "landscape" else architecture(name.partition("/")[0])
        assert facts.dimension == config["embed_dim"]
        assert facts.coco is None or facts.coco.source.startswith("https://github.com/")


@pytest.mark.parametrize("name", ["ViT-B-32-256", "ViT-B-32-SigLIP2-256", "PE-Core-S-16-384"])
def test_the_parameters_are_those_of_the_architecture(name: str) -> None:
    config = architecture(name)
    kind = open_clip.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in kind(**config).parameters())
    [facts] = [row for row in EMBEDDING_MODELS.values() if row.name.startswith(f"{name}/")]
    assert facts.parameters == round(count / 1e6, 1)


def test_recalls_of_languages_are_those_of_listed_models() -> None:
    assert set(crossmodal.MODELS) <= EMBEDDING_MODELS.keys()
    assert {len(row) for row in crossmodal.RECALLS.values()} == {len(crossmodal.MODELS)}
    many = {name for name in crossmodal.MODELS if EMBEDDING_MODELS[name].languages == MANY}
    assert many == set(crossmodal.MODELS) - {"ViT-H-14/laion2b_s32b_b79k"}


def test_the_table_says_what_to_choose_by() -> None:
    found = rows()
    siglip = found["ViT-B-32-SigLIP2-256/webli"]
    assert (siglip["coco"], siglip["recall"], siglip["commercial"]) == (47.2, 73.15, True)
    assert siglip["coco_source"].endswith("README_siglip2.md")
    assert siglip["recall_by_language"]["Japanese"] == 55.31
    assert siglip["size_in_memory"] == 4 * siglip["parameters"]
    assert found["PE-Core-B-16/meta"]["recall"] is None
    assert found["MobileCLIP2-S2/dfndr2b"]["commercial"] is False
    assert [name for name, row in found.items() if row["default"]] == [DEFAULT_MODEL]
    assert found["landscape"]["here"] is True
    assert found["ViT-B-16-SigLIP2/webli"]["here"] is False
    assert found["ViT-B-16-SigLIP2/webli"]["fetch"] == "phosphene models fetch ViT-B-16-SigLIP2/webli"


def test_another_language_favours_another_model() -> None:
    german, chinese = rows("--language", "German"), rows("--language", "chinese")
    siglip, xlm = "ViT-B-32-SigLIP2-256/webli", "xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k"
    assert german[siglip]["recall"] > german[xlm]["recall"]
    assert chinese[siglip]["recall"] < chinese[xlm]["recall"]
    refused = run("models", "list", "--language", "Klingon")
    assert refused.exit_code == 2
    assert "no figures for 'Klingon', only for Arabic, Bengali" in refused.stderr


def test_a_measured_model_shows_its_speed(own_home: Path) -> None:
    measured = lines("models", "bench", "landscape")[0]
    assert measured["name"] == "landscape"
    assert measured["processor"] == processor()
    assert min(measured[key] for key in ("seconds_loading", "seconds_a_text", "pictures_a_second")) > 0
    assert measured["peak_memory"] > 10_000_000
    row = rows()["landscape"]
    assert row["runtime"] == "onnx"
    assert {key: row[key] for key in ("seconds_a_text", "processor")} == {
        key: measured[key] for key in ("seconds_a_text", "processor")
    }


def test_a_model_that_is_not_listed_is_shown_after_it_was_measured(tmp_path: Path, own_home: Path) -> None:
    folder, steps = tiny_clip(tmp_path / "clip"), list[tuple[int, int]]()
    found = speeds.measure(f"local-dir:{folder}", device="cpu", on_step=lambda *step: steps.append(step))
    assert steps[-1] == (5, 5)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    row = rows()[f"local-dir:{folder}"]
    assert (row["dimension"], row["here"], row["seconds_loading"]) == (8, True, found.seconds_loading)
    kept_of(open_embedder(f"local-dir:{folder}").space).refuse("text", "it has a loop")
    assert rows()[f"local-dir:{folder}"]["runtime"] == "torch (it has a loop)"
    (folder / "open_clip_model.safetensors").unlink()
    assert f"local-dir:{folder}" not in rows()


def test_speeds_of_another_processor_are_not_shown(own_home: Path) -> None:
    own_home.mkdir()
    file = own_home / "speeds.json"
    entry = {"cores": 8, "device": "cpu", "seconds_loading": 1.0, "seconds_a_text": 0.1}
    entry |= {"pictures_a_second": 50.0, "peak_memory": None}
    here: dict[str, Any] = {"processor": processor(), **entry}
    file.write_text(json.dumps({"landscape": here, DEFAULT_MODEL: {**here, "processor": "abacus"}}))
    assert speeds.remembered() == {"landscape": speeds.Speed(**here)}
    for damage in ("{", "[]", '{"landscape": {"beads": 3}}', '{"landscape": 3}'):
        file.write_text(damage)
        assert speeds.remembered() == {}


def test_a_model_that_cannot_be_measured_is_an_error(tmp_path: Path) -> None:
    missing = run("models", "bench", DEFAULT_MODEL)
    assert missing.exit_code == 1
    assert f"hint: run `phosphene models fetch {DEFAULT_MODEL}`" in missing.stderr
    folder = tiny_clip(tmp_path / "clip")
    (folder / "tokenizer.json").write_text("{")
    broken = run("models", "bench", f"local-dir:{folder}")
    assert "The tokenizer of" in broken.stderr
    assert speeds.remembered() == {}


def test_the_licence_of_an_embedding_model_is_asked_about_too(hub: HubServer) -> None:
    asked = run("models", "fetch", "MobileCLIP2-S2/dfndr2b")
    assert asked.exit_code == 2
    assert "The licence of MobileCLIP2-S2/dfndr2b does not allow commercial use" in asked.stderr
    assert not hub.asked
    assert "no repository `timm/MobileCLIP2" in run("models", "fetch", "MobileCLIP2-S2/dfndr2b", "-y").stderr
