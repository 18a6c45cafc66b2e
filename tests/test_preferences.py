"""What the user prefers for a library lies on this machine, and never in the library."""

import json
import shutil
from pathlib import Path

import pytest

import phosphene
from command import lines, run
from phosphene.config import home
from phosphene.errors import PhospheneError, PluginError
from phosphene.preferences import KEYS, prefer, preferences_for


@pytest.fixture
def library(plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "home"))
    with phosphene.open(tmp_path / "photos.lib", model="toy", create=True) as library:
        return library.folder


def test_a_generator_is_remembered_for_one_library(library: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(library, tmp_path / "other.lib"))
    assert lines("-L", library, "config") == [{"generator": None}]
    assert lines("-L", library, "config", "generator", "stripes") == [{"generator": "stripes"}]

    [made] = lines("-L", library, "generate", "a red house", "-n", 1)
    assert made["lane"] == "words"
    [again] = lines("-L", library, "replay", made["id"])
    assert again["identical"]
    [washed] = lines("-L", library, "generate", "a red house", "-n", 1, "--generator", "wash")
    assert washed["lane"] == "start"

    assert lines("-L", other, "config", "generator") == [{"generator": None}]
    assert run("-L", other, "generate", "a red house", "-n", 1).exit_code == 1
    assert run("-L", library, "config", "generator", "--unset").stdout == "generator\t(the default)\n"
    assert run("-L", library, "generate", "a red house", "-n", 1).exit_code == 1
    assert json.loads((home() / "preferences.json").read_text()) == {}


def test_python_uses_it_too(library: Path) -> None:
    prefer(str(library), "generator", "stripes")
    with phosphene.open(library) as preferring, phosphene.open(library, generator="wash") as naming:
        assert preferring.generator.capabilities.name == "toy/stripes"
        assert naming.generator.capabilities.name == "toy/wash"


def test_a_library_of_somebody_else_chooses_nothing(library: Path) -> None:
    manifest = json.loads((library / "library.json").read_text())
    (library / "library.json").write_text(json.dumps({**manifest, "generator": "stripes"}))
    (library / "preferences.json").write_text(json.dumps({str(library): {"generator": "stripes"}}))
    with phosphene.open(library) as opened:
        assert preferences_for(opened.url).generator is None


def test_a_folder_is_remembered_by_its_absolute_path(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("retrieval:mine", "./mine"):
        [kept] = lines("-L", library, "config", "generator", name)
        assert kept == {"generator": name.replace("./", "").replace("mine", str(tmp_path / "mine"))}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["magic"], 1, "There is no setting `magic`"),
        (["magic", "1"], 1, "There is no setting `magic`"),
        (["generator", "nobody"], 1, "There is no generator `nobody`"),
        (["generator", "sd15"], 1, "run `phosphene models fetch sd15`"),
        (["generator", "./nobody"], 1, "There is no checkpoint `./nobody`"),
        (["--unset"], 2, "--unset takes the name of a setting"),
        (["generator", "stripes", "--unset"], 2, "and no value"),
    ],
)
def test_a_wrong_setting_is_an_error(library: Path, words: list[str], code: int, says: str) -> None:
    result = run("-L", library, "config", *words)
    assert result.exit_code == code and says in result.stderr
    assert preferences_for(str(library)).generator is None


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"LIB": 1}', '{"LIB": {"generator": 7, "x": "y"}}'])
def test_a_damaged_file_counts_as_empty(library: Path, content: str) -> None:
    file = home() / "preferences.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(content.replace("LIB", str(library)))
    assert preferences_for(str(library)).generator is None
    prefer(str(library), "generator", "stripes")
    assert preferences_for(str(library)).generator == "stripes"


def test_there_must_be_a_library(library: Path, tmp_path: Path) -> None:
    result = run("-L", tmp_path / "none", "config", "generator", "stripes")
    assert result.exit_code == 1 and "There is no library" in result.stderr


def test_the_settings_have_names() -> None:
    assert KEYS == ("generator",)
    with pytest.raises(PhospheneError, match="no setting") as raised:
        prefer("/photos.lib", "generators", "x")
    assert "`generator`" in raised.value.hint and not isinstance(raised.value, PluginError)
