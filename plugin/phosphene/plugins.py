"""Plugins: sources, embedders, stores and generators that other packages bring.

A package registers a function under a name, as an entry point of one of four groups:

    [project.entry-points."phosphene.sources"]
    flickr = "phosphene_flickr:open_source"

Installing the package is all it takes. Nothing of it is imported before somebody asks for that name.
What the function takes and returns is written at each seam, and with examples in docs/plugins.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Literal, TypeVar

from phosphene.errors import PluginError, listed

Seam = Literal["sources", "embedders", "stores", "generators"]
SEAMS: Mapping[Seam, str] = {  # what one of them is called
    "sources": "source",
    "embedders": "embedder",
    "stores": "store",
    "generators": "generator",
}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plugin:
    """An entry point of an installed package. It is not imported until `load`."""

    kind: Seam
    name: str
    package: str
    version: str
    entry: EntryPoint

    def __str__(self) -> str:
        return f"{SEAMS[self.kind]} `{self.name}` of {self.package} {self.version}"

    def load(self) -> Any:
        """Import the function of the entry point. Raises PluginError if that fails."""
        try:
            loaded = self.entry.load()
        except Exception as error:  # another package's code runs here, and may raise anything
            raise self._broken(f"fails with {type(error).__name__}: {error}".splitlines()[0]) from error
        if not callable(loaded):
            raise self._broken("is not a function")
        return loaded

    def _broken(self, reason: str) -> PluginError:
        return PluginError(
            f"The {self} cannot be loaded: its entry point `{self.entry.value}` {reason}.",
            hint=f"install a newer version with `pip install --upgrade {self.package}`,"
            f" or remove it with `pip uninstall {self.package}`",
        )


@dataclass(frozen=True, slots=True)
class Registry(Generic[T]):
    """The implementations of one seam by their names: phosphene's own, and those of plugins.

    `built_in` maps a name to a function that imports and returns the implementation. A plugin cannot
    replace a built-in name.
    """

    kind: Seam
    built_in: Mapping[str, Callable[[], T]]
    others: str = ""  # what else a user may name, for the hint of an error

    def has(self, name: str) -> bool:
        """Whether the name stands for an implementation. Imports none of them."""
        return name in self.built_in or any(plugin.name == name for plugin in installed(self.kind))

    def names(self) -> list[str]:
        """All names, the built-in ones first. Imports no implementation."""
        return list(dict.fromkeys([*self.built_in, *(plugin.name for plugin in installed(self.kind))]))

    def load(self, name: str) -> T:
        """The implementation of a name.

        Raises PluginError if there is none, if two packages claim the name, or if its package cannot be
        imported.
        """
        if name in self.built_in:
            return self.built_in[name]()
        found = [plugin for plugin in installed(self.kind) if plugin.name == name]
        if len(found) > 1:
            packages = listed(plugin.package for plugin in found)
            raise PluginError(
                f"More than one package brings the {SEAMS[self.kind]} `{name}`: {packages}.",
                hint="uninstall all of them but one",
            )
        if not found:
            raise PluginError(
                f"There is no {SEAMS[self.kind]} `{name}`.",
                hint=f"use one of {listed(self.names())}{self.others}, or install a package that brings"
                f" `{name}`",
            )
        loaded: T = found[0].load()
        return loaded

    def check(self, plugin: Plugin) -> None:
        """Load a plugin of this kind. Raises PluginError if it is broken, or its name is taken."""
        if plugin.name in self.built_in:
            raise PluginError(
                f"The {plugin} is never used, because phosphene has its own {SEAMS[self.kind]} of this name.",
                hint=f"ask the authors of {plugin.package} for another name",
            )
        self.load(plugin.name)


def installed(kind: Seam) -> list[Plugin]:
    """The plugins of a kind, in the order of their names. Imports none of them."""
    found = {_plugin(kind, entry): None for entry in entry_points(group=f"phosphene.{kind}")}
    return sorted(found, key=lambda plugin: (plugin.name, plugin.package))


def _plugin(kind: Seam, entry: EntryPoint) -> Plugin:
    package = entry.dist
    name, version = (package.name, package.version) if package else ("unknown", "unknown")
    return Plugin(kind, entry.name, name, version, entry)
