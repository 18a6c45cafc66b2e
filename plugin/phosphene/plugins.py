"""Plugins: stores, sources, embedders and generators that other packages bring.

A package registers an object under a name, as an entry point of one of four groups:

    [project.entry-points."phosphene.sources"]
    flickr = "phosphene_flickr:Flickr"

Installing the package is all it takes. Nothing of it is imported before somebody asks for that name.
What the object must be able to do is written at each seam's Protocol.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Literal, TypeVar

from phosphene.errors import PluginError

Seam = Literal["stores", "sources", "embedders", "generators"]
KINDS: tuple[Seam, ...] = ("stores", "sources", "embedders", "generators")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plugin:
    """An entry point that an installed package brings. It is not imported until `load`."""

    kind: Seam
    name: str
    package: str
    version: str
    entry: EntryPoint

    def load(self) -> Any:
        """Import the object of the entry point. Raises PluginError where that fails."""
        try:
            return self.entry.load()
        except Exception as error:  # another package's code runs here, and may raise anything
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise PluginError(
                f"the plugin `{self.name}` (phosphene.{self.kind}) cannot be loaded: its entry point"
                f" `{self.entry.value}` in the package {self.package} {self.version} fails with {reason}",
                hint=f"install a newer version with `pip install --upgrade {self.package}`,"
                f" or remove it with `pip uninstall {self.package}`",
            ) from error


@dataclass(frozen=True, slots=True)
class Registry(Generic[T]):
    """The implementations of one seam by their names: phosphene's own, and those of plugins.

    `built_in` maps a name to a function that imports and returns the implementation. A plugin cannot
    replace a built-in name.
    """

    kind: Seam
    built_in: Mapping[str, Callable[[], T]]

    def has(self, name: str) -> bool:
        """Whether the name stands for an implementation. Imports none of them."""
        return name in self.built_in or any(plugin.name == name for plugin in installed(self.kind))

    def names(self) -> list[str]:
        """All names, the built-in ones first. Imports no implementation."""
        return list(dict.fromkeys([*self.built_in, *(plugin.name for plugin in installed(self.kind))]))

    def load(self, name: str) -> T:
        """The implementation of a name.

        Raises PluginError where there is none, where two packages claim the name, and where its
        package cannot be imported.
        """
        if name in self.built_in:
            return self.built_in[name]()
        found = [plugin for plugin in installed(self.kind) if plugin.name == name]
        if len(found) > 1:
            raise PluginError(
                f"the packages {_listed(plugin.package for plugin in found)} all bring a plugin `{name}`"
                f" (phosphene.{self.kind})",
                hint="uninstall all of them but one",
            )
        if not found:
            raise PluginError(
                f"phosphene.{self.kind} has no plugin `{name}`",
                hint=f"these are available: {_listed(self.names()) or 'none'}",
            )
        loaded: T = found[0].load()
        return loaded


def installed(kind: Seam) -> list[Plugin]:
    """The plugins of a kind, in the order of their names. Imports none of them."""
    found = {_plugin(kind, entry): None for entry in entry_points(group=f"phosphene.{kind}")}
    return sorted(found, key=lambda plugin: (plugin.name, plugin.package))


def _plugin(kind: Seam, entry: EntryPoint) -> Plugin:
    package = entry.dist
    name, version = (package.name, package.version) if package else ("unknown", "unknown")
    return Plugin(kind, entry.name, name, version, entry)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
