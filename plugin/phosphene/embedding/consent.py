"""Which models a library may load: those that phosphene or open_clip lists, and those that the user named.

A library or a collection may be a stranger's, so its word is not enough: the name in its manifest is never
followed to a folder, a file or a repository. What counts is the identity of its space. Where the user has
named a model of that identity on this machine, by `--model` or by `phosphene models trust`, the model is
found again by the user's own name for it.
"""

import json
from contextlib import suppress
from pathlib import Path
from shlex import quote

from phosphene.config import expanded, home
from phosphene.embedding.model_names import parse
from phosphene.errors import LibraryError, ModelError
from phosphene.files import write_whole
from phosphene.plugins import installed
from phosphene.records import Space

LISTED = ("built-in", "tag")  # kinds of names that lead only to what phosphene or open_clip lists
MOST = 1000  # models that are remembered; the oldest go first


def name_of(space: Space, library: str) -> str:
    """The name by which the model of a space may be loaded. Raises LibraryError where it may not."""
    if is_listed(space.name):
        return space.name
    if named := _named().get(space.id):
        return named
    raise LibraryError(
        f"the library `{library}` was made with the model `{space.name}`, which nobody has named on this"
        " machine yet: a library alone does not decide what is loaded",
        hint=f"if you trust that model, name it once, where it lies on this machine: {_command(space)}",
    )


def is_listed(name: str) -> bool:
    """Whether a name leads to a model of phosphene's or open_clip's own lists, and to nothing else."""
    try:
        return parse(name).kind in LISTED
    except ModelError:
        return False


def remember(name: str, space: Space) -> None:
    """Keep that the user named a model, with the identity that it had."""
    if is_listed(name):
        return
    named = _named()
    named.pop(space.id, None)
    kept = dict(list({**named, space.id: absolute(name)}.items())[-MOST:])
    with suppress(OSError):  # a home that cannot be written to only asks again
        write_whole(_file(), json.dumps(kept, indent=1).encode())


def absolute(name: str) -> str:
    """The name with an absolute path, so that it means the same in every folder."""
    named = parse(name)
    path = expanded(named.rest).absolute() if named.rest else None
    if named.kind == "folder":
        return f"local-dir:{path}"
    return f"{named.model}@{path}" if named.kind == "file" else name


def _command(space: Space) -> str:
    """What to type, with a place to fill in where the name in the library holds a path."""
    scheme, _, rest = space.name.partition(":")
    is_plugin = any(plugin.name == scheme for plugin in installed("embedders"))
    name = space.name if scheme == "hf-hub" or is_plugin else "local-dir:FOLDER"
    if scheme not in ("hf-hub", "local-dir") and "@" in space.name:
        name = f"{space.name.partition('@')[0]}@FILE"
    elif scheme == "local-dir" and Path(rest).is_absolute():
        name = space.name
    return f"`phosphene models trust {quote(name)}`"


def _named() -> dict[str, str]:
    try:
        named = json.loads(_file().read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    texts = named.items() if isinstance(named, dict) else ()
    return {id: name for id, name in texts if isinstance(id, str) and isinstance(name, str)}


def _file() -> Path:
    return home() / "models.json"
