"""The log on stderr: one JSON object per line."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

log = logging.getLogger("phosphene.server")


MAX_LENGTH = 8000  # characters of a message or a traceback; the end of a traceback says most
REPEAT_INTERVAL = 10.0  # seconds before the same warning is written again, since strangers can cause it
MAX_MESSAGES = 100  # that a filter remembers; the libraries have fewer, unless values are part of them


class JsonFormatter(logging.Formatter):
    """Writes a record as a JSON object: time, level, event, its own `fields`, and a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line in ASCII."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage()[:MAX_LENGTH],
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)[-MAX_LENGTH:]
        return json.dumps(entry)


class RateLimitFilter(logging.Filter):
    """Lets the same message pass only once in a while, whatever values are filled into it."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        last = self.last.get(str(record.msg))
        if last is not None and record.created < last + REPEAT_INTERVAL:
            return False
        if len(self.last) > MAX_MESSAGES:
            self.last.clear()
        self.last[str(record.msg)] = record.created
        return True


def logging_config(*, quiet: bool) -> dict[str, Any]:
    """Return a configuration for logging.config: our own lines, and warnings of models, uvicorn and asyncio.

    With `quiet`, our own lines are written only for what went wrong.
    """
    warnings = {"handlers": ["warnings"], "level": "WARNING", "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "filters": {"rate": {"()": RateLimitFilter}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "json"},
            "warnings": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["rate"]},
        },
        "loggers": {
            "phosphene.server": {
                "handlers": ["stderr"],
                "level": "WARNING" if quiet else "INFO",
                "propagate": False,
            },
            "phosphene.embedding": warnings,
            "uvicorn": warnings,
            "asyncio": warnings,
        },
    }
