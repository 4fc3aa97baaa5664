"""All-or-nothing changes of several items, with the conflict that cancelled one named.

A transaction costs one AWS call when uncontended. A `TransactionConflict`, throttling or an
answer that was lost is tried again with jitter, a bounded number of times; a condition that
does not hold raises the error given with that item at once.
"""

import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from pynamodb.exceptions import CancellationReason, PynamoDBException, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from .base import Record, connection

TRIES = 8
FIRST_DELAY = 0.01
MOST_DELAY = 0.4
LIMIT = 100
RETRYABLE = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class StoreError(Exception):
    """Base of what the store itself raises."""


class ConditionFailed(StoreError):
    """A condition of the transaction did not hold and no other error was named for it."""


class Contention(StoreError):
    """The same items were changed by others too often while this change was tried."""


@dataclass(frozen=True)
class _Write:
    kind: str  # check | delete | put | update
    apply: Callable[[TransactWrite], None]
    error: Exception | None


@dataclass
class Companion:
    """What goes along with the first transaction that succeeds; `gone` once it did."""

    add: "Callable[[Transaction], None]"
    gone: bool = False


_companion: ContextVar[Companion | None] = ContextVar("companion", default=None)


@contextmanager
def accompanied(add: "Callable[[Transaction], None]") -> Iterator[Companion]:
    """Let the first transaction that succeeds inside carry what `add` puts into it, where it has room.

    So a record of an action is written with the action, whatever use case it is.
    """
    companion = Companion(add)
    token = _companion.set(companion)
    try:
        yield companion
    finally:
        _companion.reset(token)


_ORDER = ("check", "delete", "put", "update")  # the order PynamoDB sends, so that of the reasons


def code_of(failure: PynamoDBException) -> str:
    """DynamoDB's code for what failed, "" where it was not DynamoDB that refused.

    PynamoDB's own `cause_response_code` fails itself on a time-out or a cut connection.
    """
    cause = failure.cause
    return str(cause.response["Error"]["Code"]) if isinstance(cause, ClientError) else ""


def pause(attempt: int) -> None:
    """Full jitter, growing."""
    time.sleep(random.uniform(0, min(MOST_DELAY, FIRST_DELAY * 2**attempt)))


class Transaction:
    """Collects writes; `commit` sends them as one."""

    def __init__(self) -> None:
        self._writes: list[_Write] = []

    def __len__(self) -> int:
        return len(self._writes)

    def put(self, record: Record, condition: Condition | None = None, error: Exception | None = None) -> None:
        self._writes.append(_Write("put", lambda t: t.save(record, condition=condition), error))

    def update(
        self,
        record: Record,
        actions: Sequence[Action],
        condition: Condition | None = None,
        error: Exception | None = None,
    ) -> None:
        """`record` needs its keys only."""
        self._writes.append(
            _Write("update", lambda t: t.update(record, actions=list(actions), condition=condition), error)
        )

    def delete(
        self, record: Record, condition: Condition | None = None, error: Exception | None = None
    ) -> None:
        self._writes.append(_Write("delete", lambda t: t.delete(record, condition=condition), error))

    def check(self, record: Record, condition: Condition, error: Exception | None = None) -> None:
        hash_key = getattr(record, str(record._hash_keyname))
        range_key = getattr(record, record._range_keyname) if record._range_keyname else None
        self._writes.append(
            _Write("check", lambda t: t.condition_check(type(record), hash_key, range_key, condition), error)
        )

    def commit(self) -> None:
        """Send it. Raises the error of the first write whose condition failed, or `Contention`."""
        if not self._writes:
            return
        if len(self._writes) > LIMIT:
            raise ValueError(f"a transaction holds {LIMIT} items, not {len(self._writes)}")
        companion = _companion.get()
        if companion is None or companion.gone or len(self._writes) == LIMIT:
            self._send()
            return
        companion.add(self)
        self._send()
        companion.gone = True

    def _send(self) -> None:
        ordered = [write for kind in _ORDER for write in self._writes if write.kind == kind]
        for attempt in range(TRIES):
            if attempt:
                pause(attempt)
            try:
                with TransactWrite(connection=connection(), client_request_token=str(uuid.uuid4())) as native:
                    for write in ordered:
                        write.apply(native)
                return
            except TransactWriteError as error:
                self._judge(error, ordered)
        raise Contention(f"gave up after {TRIES} tries")

    def _judge(self, failure: TransactWriteError, ordered: list[_Write]) -> None:
        """Return when another try is due; raise otherwise."""
        reasons: list[Any] = failure.cancellation_reasons
        failed = {
            id(write)
            for write, reason in zip(ordered, reasons, strict=False)
            if isinstance(reason, CancellationReason) and reason.code == "ConditionalCheckFailed"
        }
        for write in self._writes:
            if id(write) in failed:
                raise write.error or ConditionFailed(write.kind) from failure
        codes = {reason.code for reason in reasons if reason is not None}
        if codes & RETRYABLE or code_of(failure) == "TransactionInProgressException":
            return
        raise failure
