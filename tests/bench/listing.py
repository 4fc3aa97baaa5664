"""What it costs to list a fleet page after page, in consumed read capacity."""

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

SMALL, LARGE = 1_000, 20_000  # devices
PAGE = 250  # the largest of an API
ITEMS = 2  # of a device: itself, and the shadow of its one service
BLOCK = 4096  # bytes


def run() -> Iterator[str]:
    """Read capacity of listing 20,000 devices page after page; the goal is 1.2 passes at most."""
    child = [sys.executable, "-m", "tests.bench.listing"]  # the process's connection to DynamoDB is one
    yield from subprocess.run(child, capture_output=True, text=True, check=True).stdout.splitlines()


class Meter:
    """Read capacity by DynamoDB's rules; ministack answers a flat unit, whatever a query reads.

    A query takes what it examines of the index, rounded up to 4 KB as a whole, though it hands over
    less of each item; an item that is read by its key is rounded up by itself, and takes the same
    where there is none. 4 KB are a unit, or half of one where the read may be stale, as those of an
    index are.

    The fleet's entries in the index are all of one size, `entry`, and its other items smaller than
    4 KB.
    """

    def __init__(self) -> None:
        from botocore.client import BaseClient

        self.units = 0.0
        self.entry = 0
        send = BaseClient._make_api_call

        def metered(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            answer = send(client, operation, arguments)
            if client.meta.service_model.service_name == "dynamodb":
                self.units += self._read(operation, arguments, answer)
            return answer

        BaseClient._make_api_call = metered

    def _read(self, operation: str, arguments: dict[str, Any], answer: dict[str, Any]) -> float:
        if operation == "Query":
            blocks = max(1, math.ceil(answer["ScannedCount"] * self.entry / BLOCK))
            return blocks * _factor(arguments)
        if operation == "GetItem":
            return _factor(arguments)
        if operation == "BatchGetItem":
            return sum(len(each["Keys"]) * _factor(each) for each in arguments["RequestItems"].values())
        return 0

    def of(self, read: Callable[[], object]) -> float:
        before = self.units
        read()
        return self.units - before


def _factor(arguments: dict[str, Any]) -> float:
    return 1 if arguments.get("ConsistentRead") else 0.5


def measure(fleet: Any) -> Iterator[str]:
    """`fleet` has the devices of the small application; the large one is another of its tenant."""
    from chalicelib.core import applications
    from chalicelib.core.applications import Caller
    from chalicelib.core.fleet import Selection, page

    large = applications.create_application(fleet.tenant, "large")[0].id
    owners = {SMALL: fleet.application, LARGE: large}
    meter = Meter()
    for number, owner in owners.items():
        meter.entry = _fill(fleet, owner, number)
    callers = {number: Caller(fleet.tenant, owner, owner) for number, owner in owners.items()}

    def walk() -> None:
        pages = [page(callers[LARGE], Selection(), number, PAGE) for number in range(LARGE // PAGE)]
        assert len({device.device for each in pages for device, _ in each.items}) == LARGE
        assert all(each.total == LARGE for each in pages)

    # the least that shows every device with its service: each entry once, and each item by its key
    one = meter.of(lambda: _entries(large)) + ITEMS * LARGE
    yield f"floor (one pass over the index and the items, {LARGE:,} devices): {one:,.0f} units"
    yield f"all pages of {PAGE}: {meter.of(walk) / one:.3f} of the floor"
    for name, selection in (("", Selection()), (" of a time's", Selection(after=1))):
        first = {n: meter.of(lambda n=n, s=selection: page(callers[n], s, 0, PAGE)) for n in callers}
        ratio = first[LARGE] / first[SMALL]
        yield f"first page{name}, {LARGE:,} devices: {ratio:.2f} of {SMALL:,} ({first[LARGE]:,.0f} units)"


def _fill(fleet: Any, owner: str, count: int) -> int:
    """Devices that have reported, after the example of one; answers the size of their index entries."""
    from chalicelib.core import clock, ids, registration
    from chalicelib.store.counters import CounterRecord
    from chalicelib.store.devices import DEVICE, LISTED, SHADOW, DeviceItem, DeviceRecord, ShadowRecord

    new = registration.NewDevice(f"example-{count}", registration.BY_SECRET, product=fleet.product.id)
    example = DeviceRecord.find(registration.register(fleet.caller, new).device.device, DEVICE)
    assert example is not None
    reported = {"reported": '{"level":40}', "times": '{"level":1700000000000}', "at": 1, "version": 1}
    size = 0
    with DeviceItem.batch_write() as batch:
        for _ in range(count):
            device = ids.random_id()
            own = {"device": device, "gateway": device, "owner": owner, "node_id": device}
            own["listing"] = ids.listing_key(clock.now(), device)
            record = DeviceRecord(**(example.values() | own))
            batch.save(record)
            batch.save(ShadowRecord(device, SHADOW + "Meter", **reported))
            size = size or _size(record.serialize(), {"device", "item", "owner", "listing", *LISTED})
    DeviceRecord(example.device, DEVICE).delete()
    CounterRecord(f"{registration.total_name(owner)}#0", value=count).save()
    return size


def _size(item: dict[str, dict[str, Any]], names: set[str]) -> int:
    """Bytes of an item's attributes of these names; they are all text."""
    return sum(len(name) + len(str(*item[name].values())) for name in names if name in item)


def _entries(owner: str) -> None:
    from chalicelib.store.devices import DeviceRecord
    from chalicelib.store.walks import Walk

    assert Walk(DeviceRecord, owner, DeviceRecord.listing, index="by_owner").count() == LARGE


def main() -> None:
    import os
    from contextlib import redirect_stdout

    from tests.faults import races

    def scene(fleet: Any) -> list[str]:
        # what a function prints is its log
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            return list(measure(fleet))

    print("\n".join(races.run(scene)))


if __name__ == "__main__":
    main()
