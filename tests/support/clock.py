"""A clock that a test moves."""

from collections.abc import Callable


class FakeClock:
    """Milliseconds since 1970; stands still until moved."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.waits: list[int] = []  # ms that were waited
        self.meanwhile: Callable[[], None] | None = None  # happens while somebody waits

    def __call__(self) -> int:
        return self.at

    def wait(self, ms: int) -> None:
        self.waits.append(ms)
        self.at += ms
        if self.meanwhile is not None:
            self.meanwhile()

    def advance(self, seconds: float) -> None:
        self.at += round(seconds * 1000)
