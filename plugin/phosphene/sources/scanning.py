"""Scanning: the pictures of everything that a user names after `phosphene add`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from phosphene.errors import ImageError, listed
from phosphene.records import Failure
from phosphene.sources.file_names import absolute
from phosphene.sources.item import Item, Source
from phosphene.sources.kinds import by_kind
from phosphene.sources.scan_options import ScanOptions, counted

SourceName = str | Path | Source  # what `kinds` recognises, a path, or an open source


class Scan(Iterator[Item | Failure]):
    """The pictures of several sources in turn. They stay open until `close`, since items are opened late."""

    def __init__(self, names: Sequence[SourceName], options: ScanOptions) -> None:
        self._names = names
        self._options = options
        self._open = ExitStack()
        self._items = self._listing()

    @property
    def left_out(self) -> Counter[str]:
        """How many files have been left out so far, by their endings, such as `.mov`."""
        return self._options.left_out

    def __next__(self) -> Item | Failure:
        return next(self._items)

    def __enter__(self) -> "Scan":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all sources. No item is opened afterwards."""
        self._open.close()

    def _listing(self) -> Iterator[Item | Failure]:
        """Yield nothing before the first picture is found, so that failures alone make no library."""
        failures: list[Failure] = []
        found = False
        for source in self._sources():
            for item in source.items():
                if not found and isinstance(item, Failure):
                    failures.append(item)
                    continue
                if not found:
                    yield from failures
                    found = True
                yield item
        if not found:
            raise self._nothing(failures)

    def _nothing(self, failures: Sequence[Failure]) -> ImageError:
        """The error that there is no picture, and why."""
        others = f", only {counted(self.left_out)}" if self.left_out else ""
        reason = f" `{failures[0].uri}` cannot be read: {failures[0].reason.rstrip('.')}." if failures else ""
        more = f" {len(failures) - 1:,} more cannot be read." if len(failures) > 1 else ""
        return ImageError(
            f"There is no picture in {listed(map(str, self._names))}{others}.{reason}{more}",
            hint="name files that end in jpg, png, webp, avif, gif, bmp or tif",
        )

    def _sources(self) -> list[Source]:
        """Open the sources of everything that is named."""
        named = [_text(name) for name in self._names if isinstance(name, str | Path)]
        opened = [self._opened(kind.open(names, self._options)) for kind, names in by_kind(named)]
        others = [name for name in self._names if not isinstance(name, str | Path)]
        return opened + [self._opened(source) for source in others]

    def _opened(self, source: Source) -> Source:
        self._open.callback(source.close)
        return source


def scan(names: SourceName | Iterable[SourceName], options: ScanOptions | None = None) -> Scan:
    """Yield the pictures of everything that is named, each once, and failures such as damaged captions files.

    Close the scan when the pictures have been read: `with scan(…) as items`. All paths together are one
    source, so that a captions file may name pictures in any of the folders. The first `next` raises
    ImageError for a path that does not exist, and PluginError for an unknown scheme. The last one raises
    ImageError if there is no picture at all.
    """
    several = list(names) if isinstance(names, Iterable) and not isinstance(names, str) else [names]
    return Scan(several, options or ScanOptions())


def _text(name: str | Path) -> str:
    """A name as `kinds` reads it. What Python calls a Path is never an address or `-`."""
    return str(absolute(name)) if isinstance(name, Path) else name
