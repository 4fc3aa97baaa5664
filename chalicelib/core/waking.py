"""A gateway is back: what waits for its children goes out.

A child has no connection of its own, so its gateway's coming is its coming too. A LoRa server also
learns which of its devices were registered or deleted meanwhile.
"""

from collections.abc import Iterator
from itertools import islice

from ..aws import queues
from ..store.devices import QUEUE, QueueRecord
from ..store.reading import find_all
from . import children, lora_records, shadow_changes, upgrade_states
from .command_states import DRAIN

AT_ONCE = 100


def wake(gateway: str) -> None:
    """Nudge the children for whom something waits. Harmless to repeat.

    AWS calls: a query of the gateway's children, a batch read per hundred of them, one per ten jobs, and
    a query of what a LoRa server has to learn.
    """
    known = children.children_of(gateway)
    while part := list(islice(known, AT_ONCE)):
        queues.send(queues.WORK, [queues.job_message(job, device=device) for job, device in _jobs(part)])
    if lora_records.first_notices(gateway, 1):
        queues.work(lora_records.TELL, server=gateway)


def _jobs(devices: list[str]) -> Iterator[tuple[str, str]]:
    found = find_all((QueueRecord, device, QUEUE) for device in devices)
    for record in found.values():
        if not isinstance(record, QueueRecord):
            continue
        if record.waiting:
            yield DRAIN, record.device
        if record.shadows:
            yield shadow_changes.SEND, record.device
        if record.upgrades and not record.upgrading:
            yield upgrade_states.SEND, record.device
