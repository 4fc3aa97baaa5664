"""How many devices are connected by MQTT, of all tenants.

Each change of a device's link counts within its own transaction, so the number is what the links say.
"""

from .. import metrics
from ..store import counters
from ..store.transactions import Transaction

COUNTER = "connected"


def came(change: Transaction) -> None:
    """Add to the change that a device is connected that was not."""
    counters.add(change, COUNTER, 1)


def went(change: Transaction) -> None:
    """Add to the change that a device is no more. It must hold only where the link still said so."""
    counters.add(change, COUNTER, -1)


def total() -> int:
    """One AWS call."""
    return counters.total(COUNTER)


def measure() -> int:
    """Write the metric; the sweep does every minute. One AWS call."""
    metrics.gauge("ConnectedDevices", total())
    return 0
