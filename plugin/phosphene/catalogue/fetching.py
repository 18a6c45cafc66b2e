"""Fetches the files of an offer from the hub, and deletes them again.

What a fetch has brought is remembered, so that `remove` deletes nothing that another program downloaded.
"""

from dataclasses import dataclass
from pathlib import Path

from phosphene import hub
from phosphene.catalogue import registrations
from phosphene.catalogue.choice import chosen
from phosphene.catalogue.offers import Offer
from phosphene.catalogue.snapshots import place
from phosphene.errors import ModelError
from phosphene.hub import OnBytes, RemoteFile, Repository, cache
from phosphene.hub.download import check_space


@dataclass(frozen=True, slots=True)
class Order:
    """The files of an offer, as the hub describes them now. Nothing of any size has been downloaded yet."""

    offer: Offer
    files: tuple[tuple[Repository, RemoteFile], ...]

    @property
    def licence(self) -> str:
        """The offer's licence, or what the model card of an unlisted repository says."""
        return self.offer.licence or self.files[0][0].licence or "unknown"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for _, file in self.files)

    @property
    def to_come(self) -> int:
        """Bytes of the files that are not here yet."""
        return sum(file.size for repository, file in self.files if _here(repository, file) is None)


def here(offer: Offer) -> Path | None:
    """The place of an offer's first part, if all parts are here. From now on they count as fetched."""
    places = [place(part) for part in offer.parts]
    found = [path for path in places if path is not None]
    if len(found) < len(places):
        return None
    files = [file for path in found for file in ([path] if path.is_file() else path.rglob("*"))]
    registrations.remember(offer.name, [file for file in files if file.is_file()], [])
    return found[0]


def order(offer: Offer) -> Order:
    """Ask the hub for the files of an offer.

    Raises ModelError if the hub cannot be reached, or if a repository lacks a part.
    """
    try:
        files: dict[tuple[str, str], tuple[Repository, RemoteFile]] = {}
        for part in offer.parts:
            repository = hub.look_up(part.repository, part.revision)
            files |= {(part.repository, file.path): (repository, file) for file in chosen(repository, part)}
    except hub.HubError as error:
        raise _unfetched(offer, error) from error
    return Order(offer, tuple(files.values()))


def fetch(ordered: Order, on_bytes: OnBytes | None = None) -> Path:
    """Download the files of an order that are not here. Returns the path of the first part.

    `on_bytes` is called with the number of bytes that have come since its last call. What has come before an
    interruption stays. Raises ModelError if the hub cannot be reached, or if a file is damaged on its way.
    """
    check_space(cache.folder(ordered.offer.parts[0].repository), ordered.to_come)
    paths: list[Path] = []
    brought: list[Path] = []
    try:
        for repository, file in ordered.files:
            here = _here(repository, file)
            paths.append(here or hub.download(repository, file, on_bytes))
            brought += [] if here else paths[-1:]
    except hub.HubError as error:
        raise _unfetched(ordered.offer, error) from error
    finally:
        registrations.remember(ordered.offer.name, paths, brought)
    return place(ordered.offer.parts[0]) or paths[0]


def removable(name: str) -> int:
    """How many bytes `remove` would delete. Raises ModelError if the name was not fetched."""
    if name not in registrations.fetched():
        raise ModelError(
            f"`{name}` was not fetched by `phosphene models fetch`, so it is not deleted.",
            hint="`hf cache ls` shows what lies in the hub's cache, and `hf cache rm` deletes it",
        )
    return sum(file.stat().st_size for file in registrations.brought_alone(name) if file.exists())


def remove(name: str) -> int:
    """Delete what a fetch has brought, except for what others use. Returns how many bytes that freed."""
    freed = cache.remove(registrations.brought_alone(name))
    registrations.forget(name)
    return freed


def _here(repository: Repository, file: RemoteFile) -> Path | None:
    return hub.cached(repository.name, file.path, repository.commit)


def _unfetched(offer: Offer, error: hub.HubError) -> ModelError:
    if error.hint:
        return error
    return ModelError(
        f"`{offer.name}` could not be fetched. {error.message}",
        hint=f"run `phosphene models fetch {offer.name}` with a network connection, or register a checkpoint"
        " that you have with `phosphene models add PATH`",
    )
