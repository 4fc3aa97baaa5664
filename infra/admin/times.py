"""Times that an operator types."""

from datetime import UTC, datetime


def millis(option: str, text: str | None) -> int | None:
    """A day or a time, UTC where it names no zone. Raises InvalidInput."""
    from chalicelib.core.errors import InvalidInput

    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(option, "is no time as 2026-11-22 or 2026-11-22T09:00:00Z") from error
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
