"""Plugins are found by their entry points, imported only when they are asked for, and never replace ours."""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import phosphene
from command import lines, process, run
from phosphene.errors import ImageError, PluginError
from phosphene.plugins import SEAMS, Registry, installed
from phosphene.sources import Item
from pictures import jpeg

ROOT = Path(__file__).parent.parent
SOURCES: Registry[object] = Registry("sources", {"folder": lambda: "our own"})
LAZY = """
import sys
from phosphene.plugins import SEAMS, installed
print(sorted(plugin.name for kind in SEAMS for plugin in installed(kind)))
assert not [name for name in sys.modules if name.startswith(("phosphene_toy", "phosphene_broken"))]
"""


def package(folder: Path, name: str, kind: str, entry: str) -> None:
    """An installed package without any code: only the entry point that it registers."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[phosphene.{kind}]\n{entry}\n")


def words(text: str) -> str:
    """Join the lines of a text, which a command breaks by the width of the terminal."""
    return " ".join(text.split())


def test_installed_plugins_are_found_with_their_packages(plugins: Path) -> None:
    found = {(plugin.kind, plugin.name, plugin.package) for kind in SEAMS for plugin in installed(kind)}
    assert {
        ("sources", "toy", "phosphene-toy-source"),
        ("embedders", "toy", "phosphene-toy-embedder"),
        ("sources", "broken", "phosphene-broken"),
    } <= found


def test_finding_plugins_imports_none_of_them(plugins: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "'toy'" in ended.stdout and "'broken'" in ended.stdout


def test_a_plugin_is_loaded_by_its_name(plugins: Path) -> None:
    assert {"folder", "toy", "broken"} <= set(SOURCES.names())
    assert SOURCES.has("toy") and not SOURCES.has("nobody")
    assert callable(SOURCES.load("toy"))


def test_a_plugin_that_cannot_be_imported_is_named_with_its_package(plugins: Path) -> None:
    with pytest.raises(PluginError) as raised:
        SOURCES.load("broken")
    assert "The source `broken` of phosphene-broken 0.1 cannot be loaded" in raised.value.message
    assert "`phosphene_broken:open_source` fails with RuntimeError: this package" in raised.value.message
    assert "pip uninstall phosphene-broken" in raised.value.hint


def test_a_plugin_without_its_module_or_its_object_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = "gone = no_such_module:open\nodd = json:no_such_object\nno = sys:path"
    package(tmp_path, "gone", "sources", entries)
    monkeypatch.syspath_prepend(str(tmp_path))
    reasons = {"gone": "ModuleNotFoundError", "odd": "AttributeError", "no": "is not a function"}
    for name, reason in reasons.items():
        with pytest.raises(PluginError, match=reason):
            SOURCES.load(name)


def test_a_plugin_cannot_replace_a_built_in_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "impostor", "sources", "folder = json:loads")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert SOURCES.load("folder") == "our own"
    assert SOURCES.names().count("folder") == 1


def test_two_packages_that_bring_one_name_are_both_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        package(tmp_path, name, "sources", "twin = json:loads")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        PluginError, match="More than one package brings the source `twin`: `first`, `second`"
    ):
        SOURCES.load("twin")


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(PluginError) as raised:
        SOURCES.load("nobody")
    assert raised.value.message == "There is no source `nobody`."
    assert "use one of `folder`" in raised.value.hint


# ── from the command line ─────────────────────────────────────────────────────────────────


@pytest.fixture
def library(plugins: Path, tmp_path: Path) -> Path:
    """A library of the toy source's pictures in the toy embedder's space."""
    result = run("-L", tmp_path / "toy.lib", "add", "toy:5", "--model", "toy", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["added"] == 5
    return tmp_path / "toy.lib"


def test_pictures_of_a_plugin_are_added_searched_and_shown(library: Path) -> None:
    [hit] = lines("-L", library, "search", "a page", "-n", 1)
    assert hit["uri"].startswith("toy:")
    assert hit["caption"].endswith("of the picture book")
    [shown] = lines("-L", library, "show", hit["id"])
    assert (shown["width"], shown["height"]) == (32, 24)
    [nearest] = lines("-L", library, "search", f"id:{hit['id']}", "-n", 1)
    assert nearest["id"] == hit["id"]


def test_pictures_of_a_plugin_are_opened_once(library: Path) -> None:
    [again] = lines("-L", library, "add", "toy:6")
    assert (again["added"], again["unchanged"], again["failed"]) == (1, 5, 0)


def test_pictures_of_a_plugin_lie_beside_those_of_folders(library: Path, tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(jpeg(1))
    [added] = lines("-L", library, "add", tmp_path / "one.jpg", "toy:5")
    assert (added["added"], added["unchanged"]) == (1, 5)


def test_pictures_of_a_plugin_are_not_missing_and_the_library_is_sound(library: Path) -> None:
    assert lines("-L", library, "remove", "--missing", "--yes") == [{"removed": 0, "kept": 0}]
    assert run("-L", library, "check").exit_code == 0


class Archive:
    """A source whose items can be opened only until it is closed, such as the members of a tar file."""

    def __init__(self) -> None:
        self.closed = 0

    def items(self) -> Iterator[Item]:
        for number in range(20):
            yield Item(f"archive:{number}", partial(self._member, number))

    def close(self) -> None:
        self.closed += 1

    def _member(self, number: int) -> bytes:
        if self.closed:
            raise ImageError("the archive is closed")
        return jpeg(number)


def test_a_source_stays_open_until_its_last_item_was_opened(library: Path) -> None:
    archive = Archive()
    with phosphene.open(library) as opened:
        added = opened.add(archive)
    assert (added.added, added.failures, archive.closed) == (20, (), 1)


def test_a_lost_journal_embeds_no_picture_of_a_plugin_again(library: Path) -> None:
    (library / "journal.sqlite").unlink()
    [again] = lines("-L", library, "add", "toy:5")
    assert (again["added"], again["unchanged"]) == (0, 5)


@pytest.mark.parametrize("name", ["tpy:5", "toys:5"])
def test_an_unknown_source_is_an_error_that_lists_the_known_ones(
    name: str, plugins: Path, tmp_path: Path
) -> None:
    result = run("-L", tmp_path / "new.lib", "add", name)
    assert result.exit_code == 1
    assert f"there is no such file, and no source `{name.partition(':')[0]}:`" in words(result.stderr)
    assert "name a folder, a file, or one of `file:`, `broken:`, `toy:`" in words(result.stderr)
    assert not (tmp_path / "new.lib").exists()


def test_an_unknown_model_is_an_error_that_lists_those_of_plugins(plugins: Path, tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(jpeg(1))
    result = run("-L", tmp_path / "new.lib", "add", tmp_path / "one.jpg", "--model", "tpy")
    assert result.exit_code == 1
    assert "`tpy` is not the name of a model" in result.stderr
    assert "`landscape`" in result.stderr and "or `toy` of a plugin" in words(result.stderr)


def test_an_unknown_store_is_an_error_that_lists_the_known_ones(plugins: Path) -> None:
    result = run("-L", "nunpy:///photos.lib", "search", "a page")
    assert result.exit_code == 1
    assert "`lancedb://`, `weaviate://`, `weaviates://`, `numpy://`" in words(result.stderr)


def test_models_list_includes_the_models_of_plugins(plugins: Path) -> None:
    listed = {(line["kind"], line["name"]): line for line in lines("models", "list")}
    assert listed["embedding", "landscape"]["package"] is None
    for kind, name, package in (("embedding", "toy", "embedder"), ("generator", "stripes", "generator")):
        toy = listed[kind, name]
        assert toy["package"] == f"phosphene-toy-{package} 1.0"
        assert (toy["here"], toy["fetch"], toy["licence"]) == (None, None, None)


def test_doctor_says_what_each_plugin_is_and_what_is_broken(
    plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "impostor", "stores", "weaviate = json:loads")
    for name in ("first", "second"):
        package(tmp_path, name, "generators", "twin = json:loads")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = {line["what"]: line for line in lines("doctor")}

    assert found["source plugin toy"]["found"] == "phosphene-toy-source 1.0"
    assert found["embedder plugin toy"]["found"] == "phosphene-toy-embedder 1.0"
    assert found["store plugin numpy"]["found"] == "phosphene-toy-store 1.0"
    assert found["generator plugin stripes"]["found"] == "phosphene-toy-generator 1.0"
    broken = found["source plugin broken"]
    assert broken["state"] == "note" and "fails with RuntimeError" in broken["found"]
    assert "pip uninstall phosphene-broken" in broken["fix"]
    assert "phosphene has its own store of this name" in found["store plugin weaviate"]["found"]
    assert (
        "More than one package brings the generator `twin`: `first`, `second`"
        in found["generator plugin twin"]["found"]
    )


def test_a_source_that_is_broken_is_an_error_that_names_its_package(plugins: Path, tmp_path: Path) -> None:
    result = run("-L", tmp_path / "new.lib", "add", "broken:1", "--model", "toy")
    assert result.exit_code == 1
    assert "phosphene-broken 0.1" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_model_of_a_plugin_is_loaded_for_a_library_only_where_the_user_named_it(
    library: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "another user"))
    refused = run("-L", library, "search", "a page")
    assert refused.exit_code == 1
    assert "phosphene models trust toy" in refused.stderr
    assert run("models", "trust", "toy").exit_code == 0
    assert run("-L", library, "search", "a page").exit_code == 0


def test_a_plugin_works_in_a_process_of_its_own(library: Path) -> None:
    searching = process("-L", library, "search", "a page", "--json")
    out, error = searching.communicate()
    assert searching.returncode == 0, error
    assert len(out.splitlines()) == 5


def test_plugins_of_all_seams_work_together(plugins: Path, tmp_path: Path) -> None:
    library = f"numpy://{tmp_path}/toy.lib"
    assert lines("-L", library, "add", "toy:5", "--model", "toy")[0]["added"] == 5

    prompt = ["generate", "a red page", "--generator", "stripes", "--option", "contrast=0.5", "-n", 1]
    [made] = lines("-L", library, *prompt)
    assert Path(made["uri"]).exists()
    [hit] = lines("-L", library, "search", f"id:{made['id']}", "-n", 1)
    assert (hit["id"], hit["origin"]) == (made["id"], "generated")
    [again] = lines("-L", library, "replay", made["id"], "--generator", "stripes")
    assert again["identical"]
    [status] = lines("-L", library, "status")
    assert (status["store"], status["model"], status["images"]) == ("numpy", "toy", 6)
    refused = run("-L", library, "generate", "a red page", "--generator", "strips")
    assert refused.exit_code == 1 and "There is no generator `strips`" in refused.stderr
    assert {"`retrieval`", "`stripes`"} <= set(words(refused.stderr).replace(",", "").split())


# ── the documentation ─────────────────────────────────────────────────────────────────────


def test_the_page_on_plugins_quotes_the_code_as_it_is() -> None:
    command = [sys.executable, "-m", "cogapp", "--check", "docs/plugins.md"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 0, "`make docs` writes the page again\n" + ended.stdout + ended.stderr
