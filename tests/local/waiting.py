"""Waiting for something that another thread or process does."""

import time
from collections.abc import Callable


def eventually(holds: Callable[[], object], timeout: float = 20.0) -> None:
    """Return once `holds()` is true; fail when it never is."""
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
