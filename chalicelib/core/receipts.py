"""Repeats of a message: the first one leaves a receipt, in the transaction of what it changes.

A receipt counts for a day, whenever the store deletes it. A message that was refused leaves none: it may
be sent again.

Source: device shadow 2.3 (messageId)
"""

from ..store.receipts import ReceiptRecord
from ..store.transactions import Transaction
from . import clock

KEPT = clock.DAY
SWEEPER_LATE = clock.HOUR  # a receipt is never deleted before it has expired


class Repeated(Exception):
    """The message was applied before."""


def add(change: Transaction, name: str, stamp: int) -> None:
    """Leave a receipt with the change. The change fails with Repeated where there is one."""
    now = clock.now()
    expires = now + KEPT
    record = ReceiptRecord(name, stamp=stamp, expires=expires, ttl=(expires + SWEEPER_LATE) // clock.SECOND)
    free = ReceiptRecord.receipt.does_not_exist() | (ReceiptRecord.expires <= now)
    change.put(record, free, Repeated(name))


def find(name: str) -> int | None:
    """The stamp that was answered; None where the message is new. One AWS call."""
    record = ReceiptRecord.find(name)
    if record is None or int(record.expires) <= clock.now():
        return None
    return int(record.stamp)
