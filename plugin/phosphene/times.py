"""Times as RFC 3339 writes them, such as `2024-07-05T14:30:00Z`. UTC is assumed without a time zone."""

from datetime import UTC, datetime


def moment(text: str) -> datetime | None:
    """The moment of a time in any notation, in UTC. None if the text is not a time."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def instant(text: str) -> str:
    """A time in one notation, in UTC, or an empty text if it is none."""
    found = moment(text)
    return "" if found is None else found.isoformat().replace("+00:00", "Z")
