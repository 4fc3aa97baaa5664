"""Every kind of job that an operator may start, by its name."""

from . import jobs, reencryption, replays
from .jobs import Work

WORKS: dict[str, Work] = {**replays.WORKS, **reencryption.WORKS}


def perform(ident: str) -> None:
    """The background job. Harmless to repeat."""
    jobs.perform(ident, WORKS)
