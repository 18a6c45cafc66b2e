"""Decides which models a library may load: listed ones, and those that the user has named on this machine.

A stranger may have made the library or the collection. So the name of the model in its manifest is never
followed to a folder, a file or a repository. Only the identity of its space counts. If the user has named a
model with this identity before, with `--model` or `phosphene models trust`, it is loaded by the user's own
name.
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

LISTED = ("built-in", "tag")  # kinds of names that only lead to models that phosphene or open_clip lists
MAX_REMEMBERED = 1000  # models; the oldest ones are forgotten first


def name_of(space: Space, library: str) -> str:
    """The name by which the model of a space may be loaded. Raises LibraryError if it may not be loaded."""
    if is_listed(space.name):
        return space.name
    if named := _named().get(space.id):
        return named
    raise LibraryError(
        f"The library `{library}` was made with the model `{space.name}`, which nobody has named on this"
        " machine yet, and a library alone does not decide which model is loaded.",
        hint=f"if you trust that model, name it once: {_command(space)}",
    )


def is_listed(name: str) -> bool:
    """Whether a name can only lead to a model that phosphene or open_clip lists."""
    try:
        return parse(name).kind in LISTED
    except ModelError:
        return False


def remember(name: str, space: Space) -> None:
    """Remember that the user has named a model, with the identity of its space."""
    if is_listed(name):
        return
    named = _named()
    named.pop(space.id, None)
    kept = dict(list({**named, space.id: absolute(name)}.items())[-MAX_REMEMBERED:])
    with suppress(OSError):  # with a read-only home, the user is only asked again
        write_whole(_file(), json.dumps(kept, indent=1).encode())


def absolute(name: str) -> str:
    """The name with an absolute path, so that it means the same in every folder."""
    named = parse(name)
    path = expanded(named.rest).absolute() if named.rest else None
    if named.kind == "folder":
        return f"local-dir:{path}"
    return f"{named.model}@{path}" if named.kind == "file" else name


def _command(space: Space) -> str:
    """The command to type. If the name in the library has a path, there is a placeholder for it."""
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
