"""Pictures on the web: a URL, a text file with a URL in each line, or a parquet file with a column of URLs.

A URL is fetched once, and not again by a later `add`: whether it has changed shows only when it is fetched.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urldefrag

from phosphene.errors import ImageError
from phosphene.images.reading import open_file
from phosphene.records import Failure
from phosphene.sources.columns import Description, described, squeezed
from phosphene.sources.item import Item
from phosphene.sources.local_files import existing, tidied
from phosphene.sources.metadata_files import FILE_COLUMNS, KEY, STATUS
from phosphene.sources.scan_options import ScanOptions
from phosphene.sources.uris import file_uri
from phosphene.sources.web import Downloads
from phosphene.sources.webdataset import is_tar

WEB = ("http://", "https://")
COLUMNS = ("url", "imageurl", "link")  # what data sets call their column of URLs
MAX_URL = 8192  # characters; servers accept about as many
ROWS = 1024  # of a table that are read at once
STAMP = "fetched"
ALLOW_URLS = "pass --allow-urls, if you trust the addresses"

Link = tuple[str, Description]  # a URL, and what is said about its picture


class UrlList:
    """A Source of the picture at a URL, or of those at all URLs of a list."""

    def __init__(self, name: str, options: ScanOptions, downloads: Downloads | None = None) -> None:
        """Raises ImageError if the options do not allow URLs, or if there is no such list."""
        if not options.allow_urls:
            raise ImageError(
                f"`{name}` names pictures on the web, and nothing is fetched unasked.", hint=ALLOW_URLS
            )
        self._name = name
        self._path = None if _is_on_the_web(name) else existing(Path(name))
        self._fetch = (downloads or Downloads()).fetch

    def items(self) -> Iterator[Item | Failure]:
        """The picture of every URL once, in the order of the list."""
        done = set[str]()
        try:
            for text, said in self._rows():
                url = urldefrag(text)[0]
                if not _is_on_the_web(url) or len(url) > MAX_URL or not _is_unicode(url):
                    yield Failure(self._uri, f"{text[:200]!r} is not an address of the web")
                elif url not in done:
                    done.add(url)
                    yield self._item(url, said)
        except ImageError as error:
            yield Failure(self._uri, error.message)

    def close(self) -> None:
        """Nothing is open."""

    @property
    def _uri(self) -> str:
        return file_uri(self._path) if self._path else self._name

    def _item(self, url: str, said: Description) -> Item:
        return Item(url, partial(self._fetch, url), tidied(said.captions), said.fields, stamp=STAMP)

    def _rows(self) -> Iterator[Link]:
        if self._path is None:
            return iter([(self._name, Description())])
        return _rows_of_table(self._path) if _is_table(self._name) else _lines(self._path)


def is_url_list(name: str) -> bool:
    """Whether a name is a URL, a text file that begins with one, or a table that has a column of them."""
    if _is_on_the_web(name):
        return not is_tar(name) and not name.endswith("/")
    try:
        path = Path(name)
        if _is_table(name):
            return path.is_file() and _url_column(path) is not None
        if path.suffix.lower() != ".txt":
            return False
        return _is_on_the_web(next(_lines(path), ("", Description()))[0])
    except (ImageError, OSError, ValueError):
        return False


def _is_on_the_web(name: str) -> bool:
    return name.lower().startswith(WEB)


def _is_table(name: str) -> bool:
    return name.lower().endswith(".parquet")


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _lines(path: Path) -> Iterator[Link]:
    """The lines of a text file that are not empty and no comments."""
    with open_file(path) as file:
        while line := file.readline(2 * MAX_URL):
            text = line.decode("utf-8-sig", "surrogateescape").strip()
            if text and not text.startswith("#"):
                yield text, Description()


def _url_column(path: Path) -> str | None:
    """The column of URLs in a table, or None if it has none."""
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import read_schema

    try:
        names = {squeezed(name): name for name in read_schema(path).names}
    except ArrowInvalid:
        return None
    has_files = {KEY, STATUS} <= names.keys() or any(name.endswith(FILE_COLUMNS) for name in names)
    return None if has_files else next((names[each] for each in COLUMNS if each in names), None)


def _rows_of_table(path: Path) -> Iterator[Link]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    column = _url_column(path)
    try:
        with ParquetFile(path) as table:
            for batch in table.iter_batches(ROWS):
                for row in batch.to_pylist():
                    url = row.pop(column)
                    yield str(url or ""), described(row)
    except (ArrowException, OSError) as error:
        raise ImageError(f"it is damaged: {error}") from error
