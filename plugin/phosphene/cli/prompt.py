"""The prompt of `phosphene search`: line editing, a history, and completion.

A line is a query. What was asked is kept in a file of the user, which nobody else may read.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History
from prompt_toolkit.output import create_output

from phosphene.cli.output import shortened
from phosphene.cli.streams import visible
from phosphene.config import home
from phosphene.query.parser import OPERATOR, PATH, WEIGHT
from phosphene.sources import ENDINGS

HISTORY = "search_history"  # a file in the user's folder


def typed_queries(shown: Mapping[str, str]) -> Iterator[str]:
    """Yield the queries that the user types. Ctrl-C abandons a line, and Ctrl-D ends them.

    `shown` are the ids of the images that were found so far, with their captions. Tab completes them.
    """
    history = QueryHistory(home() / HISTORY)
    session: PromptSession[str] = PromptSession(
        "search> ",
        history=history,
        auto_suggest=AutoSuggestFromHistory(),
        completer=QueryCompleter(shown, history),
        complete_while_typing=False,
        output=create_output(always_prefer_tty=True),  # stderr, if stdout is not a terminal
    )
    while True:
        with suppress(KeyboardInterrupt):
            try:
                text = session.prompt()
            except EOFError:
                return
            if text.strip():
                yield text


class QueryHistory(FileHistory):
    """The history in a file. If the file cannot be written, it lasts as long as the prompt."""

    def __init__(self, path: Path) -> None:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.chmod(0o600)
        super().__init__(path)

    def load_history_strings(self) -> Iterable[str]:
        """Yield the queries of the file, the newest first, or none if it cannot be read."""
        with suppress(OSError):
            yield from super().load_history_strings()

    def store_string(self, string: str) -> None:
        """Add a query to the file."""
        with suppress(OSError):
            super().store_string(string)


class QueryCompleter(Completer):
    """Completes the last term of a query, if it is a file or an id, and then whole queries of the history."""

    def __init__(self, shown: Mapping[str, str], history: History) -> None:
        self._shown, self._history = shown, history
        self._files = PathCompleter(expanduser=True, file_filter=_may_be_picture)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Yield the completions of what stands before the cursor."""
        text = document.text_before_cursor
        term = WEIGHT.sub("", OPERATOR.split(text)[-1].lstrip(), count=1)
        if term.startswith("id:"):
            yield from self._ids(term)
        elif PATH.match(term):
            yield from self._files.get_completions(Document(term), complete_event)
        if text.strip():
            yield from self._asked_before(text)

    def _ids(self, term: str) -> Iterator[Completion]:
        for id, caption in self._shown.items():
            if id.startswith(term.removeprefix("id:")):
                described = visible(shortened(caption))
                yield Completion(f"id:{id}", -len(term), display_meta=described)

    def _asked_before(self, text: str) -> Iterator[Completion]:
        for query in dict.fromkeys(reversed(self._history.get_strings())):
            if query.startswith(text) and query != text:
                yield Completion(query, -len(text), display_meta="asked before")


def _may_be_picture(name: str) -> bool:
    path = Path(name)
    return path.suffix.lower() in ENDINGS or path.is_dir()
