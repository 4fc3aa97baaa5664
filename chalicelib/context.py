"""What this thread works on: one request, message or job.

Log lines and metrics carry it. It names things by their ids; nothing secret belongs in it.
"""

from contextvars import ContextVar

FIELDS = ("request", "tenant", "application", "dialect", "operation", "device", "error")
LONGEST = 100  # characters of a value: some come from callers

_current: ContextVar[dict[str, str]] = ContextVar("work")


def begin(**known: object) -> None:
    """Forget what was worked on before."""
    _current.set({})
    note(**known)


def note(**known: object) -> None:
    """Add what has become known; what is empty is left as it was."""
    try:
        fields = _current.get()
    except LookupError:
        fields = {}
        _current.set(fields)
    for name, value in known.items():
        if name not in FIELDS:
            raise TypeError(f"{name} is no field of the context")
        if value not in (None, ""):
            fields[name] = str(value)[:LONGEST]


def current() -> dict[str, str]:
    return dict(_current.get({}))
