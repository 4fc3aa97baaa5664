"""What state machines over the cloud share: a process that dies or is overtaken, ids that repeat from
example to example, and tables that are emptied after each.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient


class Crash(BaseException):
    """The process ends here: no handler of ours may take it for an error."""


class Lambda:
    """Ends the process before or after one of its coming AWS calls; it makes none from then on.

    `crashed` tells what came of the last `crashing`.
    """

    def __init__(self) -> None:
        self.left: int | None = None
        self.after = False
        self.died = False
        self.crashed = False
        self.other: Callable[[], object] | None = None

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = BaseClient._make_api_call

        def call(client: BaseClient, operation: str, arguments: Any) -> Any:
            self._raise_if_dead()
            reached = self._reached()
            other, self.other = (self.other, None) if reached else (None, self.other)
            if other is not None:
                other()
                reached = False
            if reached:
                self.died = True
                if not self.after:
                    raise Crash
            answer = made(client, operation, arguments)
            self._raise_if_dead()
            return answer

        monkeypatch.setattr(BaseClient, "_make_api_call", call)

    def _raise_if_dead(self) -> None:
        if self.died:
            raise Crash

    def _reached(self) -> bool:
        if self.left is None:
            return False
        self.left -= 1
        if self.left >= 0:
            return False
        self.left = None
        return True

    @contextmanager
    def crashing(self, left: int | None, *, after: bool) -> Iterator[None]:
        """Die at the call after the next `left`, None for never; what comes then is another process."""
        self.left, self.after = left, after
        crashed = False
        try:
            yield
        except Crash:
            crashed = True
        finally:
            self.left, self.died = None, False
        self.crashed = crashed

    @contextmanager
    def meanwhile(self, left: int, other: Callable[[], object]) -> Iterator[None]:
        """Something else happens right before the call after the next `left`."""
        self.left, self.other = left, other
        try:
            yield
        finally:
            self.left = self.other = None


def counted(count: list[int], size: int) -> str:
    """For `secrets.token_hex`: others each time, the same again once the count is cleared."""
    count.append(0)
    return hashlib.sha256(str(len(count)).encode()).hexdigest()[: size * 2]


def empty(*tables: str) -> None:
    """Moto copies all its items at every transaction."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.dynamodb.models import dynamodb_backends

    for name in tables:
        dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables[f"polything-test-{name}"].items.clear()
