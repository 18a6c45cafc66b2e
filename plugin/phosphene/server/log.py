"""The log: JSON, one object a line, on stderr."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

log = logging.getLogger("phosphene.server")


class Lines(logging.Formatter):
    """A record as a JSON object: time, level, event, what it has of `fields`, and a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, in ASCII."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told)


def settings(*, quiet: bool) -> dict[str, Any]:
    """What logging.config takes: our lines and uvicorn's warnings; with `quiet`, only what went wrong."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": Lines}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "loggers": {
            "phosphene.server": {
                "handlers": ["stderr"],
                "level": "WARNING" if quiet else "INFO",
                "propagate": False,
            },
            "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        },
    }
