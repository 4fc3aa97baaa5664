"""A clock that a test moves."""


class FakeClock:
    """Milliseconds since 1970; stands still until moved."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += round(seconds * 1000)
