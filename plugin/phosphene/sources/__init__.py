"""Sources: where pictures come from (the Source seam).

`scan` yields the pictures of everything that a user names after `phosphene add`. `kinds` is the table of
what can be named, with a module for each kind of source.
"""

from phosphene.sources.folders import ENDINGS
from phosphene.sources.item import Item, OpenSource, Source
from phosphene.sources.languages import fullest
from phosphene.sources.local_files import file_item
from phosphene.sources.plugin_sources import SOURCES, open_source
from phosphene.sources.scan_options import ScanOptions, counted
from phosphene.sources.scanning import Scan, SourceName, scan
from phosphene.sources.uris import is_own, is_remote, to_path, to_uri, uri_in, was_added

__all__ = [
    "ENDINGS",
    "SOURCES",
    "Item",
    "OpenSource",
    "Scan",
    "ScanOptions",
    "Source",
    "SourceName",
    "counted",
    "file_item",
    "fullest",
    "is_own",
    "is_remote",
    "open_source",
    "scan",
    "to_path",
    "to_uri",
    "uri_in",
    "was_added",
]
