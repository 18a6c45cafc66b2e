"""What this machine has: checkpoints and LoRAs that were added, and files that were fetched.

All of it is in `generators.json` in phosphene's home.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from phosphene.config import home
from phosphene.errors import ModelError
from phosphene.files import write_whole


@dataclass(frozen=True, slots=True)
class Registered:
    """A checkpoint that lies on this machine, by reference."""

    name: str
    family: str  # the name of a row in `families.FAMILIES`
    path: Path  # absolute, a file or a folder
    sha256: str  # of all weights


@dataclass(frozen=True, slots=True)
class RegisteredLora:
    """A LoRA that lies on this machine, by reference. What is not known of it is empty."""

    name: str
    path: Path  # absolute
    family: str = ""
    trigger: str = ""  # the word that stands for what it has learnt
    library: str = ""  # the library whose pictures it has learnt from
    images: str = ""  # the options of `train lora` that chose them


@dataclass(slots=True)
class _Content:
    """The file's content. `brought` are the files that a fetch has downloaded, and not another program."""

    added: dict[str, Registered] = field(default_factory=dict)
    loras: dict[str, RegisteredLora] = field(default_factory=dict)
    fetched: dict[str, list[Path]] = field(default_factory=dict)
    brought: list[Path] = field(default_factory=list)


def registered() -> dict[str, Registered]:
    """All checkpoints that were added, by their names. Raises ModelError if the file is damaged."""
    return _read().added


def loras() -> dict[str, RegisteredLora]:
    """All LoRAs that were added or trained, by their names. Raises ModelError if the file is damaged."""
    return _read().loras


def fetched() -> dict[str, list[Path]]:
    """The files of each name that was fetched. Raises ModelError if the file is damaged."""
    return _read().fetched


def register(entry: Registered) -> None:
    """Add a checkpoint, or replace the one of this name."""
    with _changing() as content:
        content.added[entry.name] = entry


def register_lora(entry: RegisteredLora) -> None:
    """Add a LoRA, or replace the one of this name."""
    with _changing() as content:
        content.loras[entry.name] = entry


def unregister(name: str) -> None:
    """Take a checkpoint or a LoRA out of the list. Its files stay."""
    with _changing() as content:
        if content.added.pop(name, None) is None:
            content.loras.pop(name, None)


def remember(name: str, files: Iterable[Path], brought: Iterable[Path]) -> None:
    """Remember the files of a name that was fetched, and those of them that were not here before."""
    with _changing() as content:
        content.fetched[name] = list(dict.fromkeys([*content.fetched.get(name, []), *files]))
        content.brought += brought


def brought_alone(name: str) -> list[Path]:
    """The files that a fetch of this name has brought, and that no other name needs."""
    content = _read()
    needed = {file for other, files in content.fetched.items() if other != name for file in files}
    return [file for file in content.fetched.get(name, []) if file in content.brought and file not in needed]


def forget(name: str) -> None:
    """Forget that a name was fetched."""
    with _changing() as content:
        content.fetched.pop(name, None)
        needed = {file for files in content.fetched.values() for file in files}
        content.brought = [file for file in content.brought if file in needed]


@contextmanager
def _changing() -> Iterator[_Content]:
    """The content, which is written when the block ends. Other processes wait for that."""
    home().mkdir(parents=True, exist_ok=True)
    with FileLock(_file().with_suffix(".lock")):
        content = _read()
        yield content
        write_whole(_file(), json.dumps(_written(content), indent=1).encode())


def _read() -> _Content:
    file = _file()
    try:
        return _parsed(json.loads(file.read_bytes()))
    except FileNotFoundError:
        return _Content()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"`{file}`, the list of checkpoints on this machine, is damaged.",
            hint="move it away, and register your checkpoints again with `phosphene models add`",
        ) from error


def _parsed(content: Mapping[str, Any]) -> _Content:
    return _Content(
        {name: Registered(name, **_texts(entry)) for name, entry in content["added"].items()},
        {name: RegisteredLora(name, **_texts(entry)) for name, entry in content["loras"].items()},
        {name: [Path(file) for file in files] for name, files in content["fetched"].items()},
        [Path(file) for file in content["brought"]],
    )


def _texts(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an entry, with its path as one."""
    return {key: Path(value) if key == "path" else str(value) for key, value in entry.items()}


def _written(content: _Content) -> dict[str, Any]:
    return {
        "added": {name: _fields(entry) for name, entry in sorted(content.added.items())},
        "loras": {name: _fields(entry) for name, entry in sorted(content.loras.items())},
        "fetched": {name: list(map(str, files)) for name, files in sorted(content.fetched.items())},
        "brought": list(map(str, content.brought)),
    }


def _fields(entry: Registered | RegisteredLora) -> dict[str, str]:
    return {key: str(value) for key, value in asdict(entry).items() if key != "name"}


def _file() -> Path:
    return home() / "generators.json"
