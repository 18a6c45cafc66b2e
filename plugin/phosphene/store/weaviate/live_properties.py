"""Which properties a live collection has. A server refuses to read one that a collection lacks."""

from collections.abc import Sequence

from phosphene.store.weaviate.connection import Connection


class LiveProperties:
    """Those of `wanted` that a collection has, in this order.

    A collection of an older format lacks some, until a process upgrades it. So the server is asked again
    until it has all of them.
    """

    def __init__(self, connection: Connection, wanted: Sequence[str]) -> None:
        self._connection, self._wanted = connection, wanted
        self._found: list[str] = []

    def names(self) -> list[str]:
        """The names of those that the collection has."""
        if len(self._found) < len(self._wanted):
            live = self._connection.request_collection("read", lambda found: found.config.get(simple=True))
            there = {each.name for each in live.properties}
            self._found = [name for name in self._wanted if name in there]
        return self._found

    def lacking(self) -> set[str]:
        """The names of those that it lacks."""
        return {*self._wanted} - {*self.names()}
