"""Plugins are found by their entry points, imported only when they are asked for, and never replace ours."""

import subprocess
import sys
from pathlib import Path

import pytest

from phosphene.errors import PluginError
from phosphene.plugins import KINDS, Registry, installed

SOURCES: Registry[object] = Registry("sources", {"folder": lambda: "our own"})
LAZY = """
import sys
from phosphene.plugins import KINDS, installed
print(sorted(plugin.name for kind in KINDS for plugin in installed(kind)))
assert not [name for name in sys.modules if name.startswith(("phosphene_toy", "phosphene_broken"))]
"""


def package(folder: Path, name: str, kind: str, entry: str) -> None:
    """An installed package without any code: only the entry point that it registers."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[phosphene.{kind}]\n{entry}\n")


def test_installed_plugins_are_found_with_their_packages(plugins: Path) -> None:
    found = {(plugin.kind, plugin.name, plugin.package) for kind in KINDS for plugin in installed(kind)}
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
    assert "`phosphene_broken:open_source` in the package phosphene-broken 0.1" in raised.value.message
    assert "RuntimeError: this package needs another version" in raised.value.message
    assert "pip uninstall phosphene-broken" in raised.value.hint


def test_a_plugin_without_its_module_or_its_object_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "gone", "sources", "gone = no_such_module:open\nodd = json:no_such_object")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, reason in (("gone", "ModuleNotFoundError"), ("odd", "AttributeError")):
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
    with pytest.raises(PluginError, match="`first`, `second` all bring a plugin `twin`"):
        SOURCES.load("twin")


def test_an_unknown_name_is_an_error_that_lists_what_there_is() -> None:
    with pytest.raises(PluginError) as raised:
        SOURCES.load("nobody")
    assert "`folder`" in raised.value.hint
