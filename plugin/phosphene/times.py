"""Times in one notation: RFC 3339 in UTC, such as `2024-07-05T14:30:00Z`."""

from datetime import UTC, datetime


def instant(text: str) -> str:
    """A time in that notation, or an empty text if it is none. UTC is assumed without a time zone."""
    try:
        found = datetime.fromisoformat(text)
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return ""
    return found.isoformat().replace("+00:00", "Z")
