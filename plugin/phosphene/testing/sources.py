"""The conformance suite of sources, which tests the promises of the Protocol Source."""

import json
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from phosphene.images import decode
from phosphene.records import Failure
from phosphene.sources import Item, Source, scan
from phosphene.sources.uris import is_remote, scheme_of, to_path

SEVERAL = 20  # items that a test opens at most, so that a large source does not take long
THREADS = 4


class SourceTests:
    """The tests of the promises that the Protocols `phosphene.sources.Source` and `Item` make.

    The fixture `source` returns an open source with at least two pictures, a new one for each test.
    `scheme` is the name that the source is registered under. It is empty for files on this machine.
    """

    scheme = ""

    @pytest.fixture
    def opened(self, source: Source) -> Iterator[Source]:
        """The source of this test. It is closed when the test ends."""
        with closing(source):
            yield source

    def test_it_yields_items_and_failures(self, opened: Source) -> None:
        found = list(opened.items())
        assert all(isinstance(one, Item | Failure) for one in found)
        assert len(items(opened)) >= 2, "the suite needs a source of at least two pictures"

    def test_each_uri_comes_once(self, opened: Source) -> None:
        uris = [item.uri for item in items(opened)]
        assert len(set(uris)) == len(uris)

    def test_uris_are_of_its_scheme_or_absolute_paths(self, opened: Source) -> None:
        for item in opened.items():
            if self.scheme:
                assert scheme_of(item.uri) == self.scheme
            else:
                assert not is_remote(item.uri), "set `scheme` in your class, if your source has one"
                assert to_path(item.uri, Path()).is_absolute()

    def test_uris_are_unicode(self, opened: Source) -> None:
        for item in items(opened):
            assert item.uri.encode() and "\0" not in item.uri

    def test_the_same_items_come_in_the_same_order_every_time(self, opened: Source) -> None:
        assert list(opened.items()) == list(opened.items())

    def test_items_open_as_pictures(self, opened: Source) -> None:
        for item in several(opened):
            content = item.open()
            assert isinstance(content, bytes)
            decoded = decode(content)
            assert decoded.width > 0 and decoded.height > 0

    def test_items_give_the_same_bytes_however_often_they_are_opened(self, opened: Source) -> None:
        for item in several(opened):
            assert item.open() == item.open()

    def test_items_may_be_opened_in_any_order(self, opened: Source) -> None:
        found = several(opened)
        forwards = [item.open() for item in found]
        assert [item.open() for item in reversed(found)] == forwards[::-1]

    def test_many_threads_open_items_at_once(self, opened: Source) -> None:
        found = several(opened)
        one_by_one = [item.open() for item in found]
        with ThreadPoolExecutor(THREADS) as threads:
            assert list(threads.map(lambda item: item.open(), found)) == one_by_one

    def test_items_are_opened_while_others_are_still_listed(self, opened: Source) -> None:
        listing = opened.items()
        assert isinstance(next(item for item in listing if isinstance(item, Item)).open(), bytes)
        assert len(list(listing)) >= 1

    def test_captions_are_texts(self, opened: Source) -> None:
        for item in items(opened):
            assert isinstance(item.captions, tuple), "a tuple of captions, even for a single one"
            assert all(isinstance(caption, str) for caption in item.captions)

    def test_fields_are_json(self, opened: Source) -> None:
        for item in items(opened):
            fields = dict(item.fields)
            assert json.loads(json.dumps(fields, allow_nan=False)) == fields

    def test_stamps_are_texts_and_times_are_seconds(self, opened: Source) -> None:
        for item in items(opened):
            assert isinstance(item.stamp, str)
            assert item.modified is None or math.isfinite(item.modified)

    def test_failures_have_a_uri_and_a_reason(self, opened: Source) -> None:
        for one in opened.items():
            if isinstance(one, Failure):
                assert one.uri and one.reason

    def test_a_listing_may_be_left_before_its_end(self, source: Source) -> None:
        with closing(source):
            assert next(iter(source.items()))

    def test_phosphene_reads_all_of_its_items(self, source: Source) -> None:
        listed = list(source.items())
        with scan(source) as found:
            assert list(found) == listed


def items(source: Source) -> list[Item]:
    """The items of a source, without its failures."""
    return [item for item in source.items() if isinstance(item, Item)]


def several(source: Source) -> list[Item]:
    """The first items of a source."""
    return list(islice(items(source), SEVERAL))
