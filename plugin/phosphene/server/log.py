"""The log: JSON, one object a line, on stderr."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

log = logging.getLogger("phosphene.server")


LONGEST = 8000  # characters of a message or a traceback, of which the end says most
OFTEN = 10.0  # seconds in which the same warning is written once, since strangers can cause it


class Lines(logging.Formatter):
    """A record as a JSON object: time, level, event, what it has of `fields`, and a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, in ASCII."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage()[:LONGEST],
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)[-LONGEST:]
        return json.dumps(told)


class Seldom(logging.Filter):
    """Passes the same message on once in a while, whatever its values are."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        last = self.last.get(str(record.msg))
        if last is not None and record.created < last + OFTEN:
            return False
        if len(self.last) > 100:  # messages; the libraries have fewer, unless one writes values into them
            self.last.clear()
        self.last[str(record.msg)] = record.created
        return True


def settings(*, quiet: bool) -> dict[str, Any]:
    """What logging.config takes: our lines, and the warnings of uvicorn and asyncio, each once in a while.

    With `quiet`, only what went wrong.
    """
    warnings = {"handlers": ["warnings"], "level": "WARNING", "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": Lines}},
        "filters": {"seldom": {"()": Seldom}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "lines"},
            "warnings": {"class": "logging.StreamHandler", "formatter": "lines", "filters": ["seldom"]},
        },
        "loggers": {
            "phosphene.server": {
                "handlers": ["stderr"],
                "level": "WARNING" if quiet else "INFO",
                "propagate": False,
            },
            "uvicorn": warnings,
            "asyncio": warnings,
        },
    }
