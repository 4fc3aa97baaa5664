"""Packages, upgrades, and devices that do what they are told, or not."""

import io
import itertools
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core import packages, upgrade_ends, upgrade_queries, upgrade_reports, upgrades
from chalicelib.core.packages import NewPackage, Package, Type
from chalicelib.core.upgrade_reports import Said
from chalicelib.core.upgrade_states import Counts, Part, Policy, Status, Step, Target, Upgrade
from chalicelib.core.upgrades import NewUpgrade
from chalicelib.handlers import wiring
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeDevice, FakeIot, add_device
from tests.support.queues import WorkQueue

CONTENT = b"version two"
_names = itertools.count()


def make_package(fleet: Fleet, kind: Type = Type.SOFTWARE, content: bytes = CONTENT, **more: Any) -> Package:
    given = {
        "name": f"package-{next(_names)}",
        "version": "2.0",
        "device_type": "Meter",
        "model": "M1",
        "manufacturer_name": "Acme",
        "made": "2023-11-14",
    }
    return packages.create(fleet.caller, NewPackage(kind, **(given | more)), io.BytesIO(content))


@dataclass
class UpgradeRig:
    clock: FakeClock
    fleet: Fleet = field(default_factory=make_fleet)
    iot: FakeIot = field(default_factory=FakeIot)

    def __post_init__(self) -> None:
        wiring.wire()
        self.iot.install()
        self.work = WorkQueue(self.clock)
        self.package = make_package(self.fleet)

    def devices(self, number: int, *, online: bool = True) -> list[FakeDevice]:
        made = [add_device(self.fleet, self.iot, f"meter-{next(_names)}") for _ in range(number)]
        for device in made if online else ():
            device.connect()
        return made

    def create(
        self,
        devices: list[FakeDevice],
        policy: Policy = Policy(),  # noqa: B008 -- frozen
        package: Package | None = None,
        **target: Any,
    ) -> str:
        package = package or self.package
        listed = tuple(device.id for device in devices)
        new = NewUpgrade(package.type, package.id, Target(**target), policy, listed)
        return upgrades.create(self.fleet.caller, new)

    def start(self, devices: list[FakeDevice], *args: Any, **more: Any) -> str:
        """Made, and worked as far as it goes without the devices."""
        made = self.create(devices, *args, **more)
        self.work.run()
        return made

    def get(self, upgrade: str) -> Upgrade:
        return upgrade_queries.get(self.fleet.caller, upgrade)

    def parts(self, upgrade: str) -> dict[str, Part]:
        """By device; and the counters are what a recount of all parts comes to."""
        page = upgrade_queries.parts(self.fleet.caller, upgrade, size=1000)
        found = {each.device: each for each in page.items}
        counts, recount = self.get(upgrade).counts, Counter(each.status for each in found.values())
        silent = sum(each.timed_out for each in found.values())
        assert counts == Counts(
            total=page.total,
            wait=recount[Status.WAIT],
            processing=recount[Status.PROCESSING],
            success=recount[Status.SUCCESS],
            failed=recount[Status.FAILED] - silent,
            stopped=recount[Status.STOPPED],
            timeout=silent,
        )
        for status in Status:
            wanted = upgrade_queries.parts(self.fleet.caller, upgrade, status, size=1)
            assert wanted.total == recount[status]
        return found

    def part(self, upgrade: str, device: FakeDevice) -> Part:
        return self.parts(upgrade)[device.id]

    def statuses(self, upgrade: str) -> list[Status]:
        return [each.status for each in self.parts(upgrade).values()]

    def told(self, device: FakeDevice) -> list[dict[str, Any]]:
        """The upgrades that arrived at the device, oldest first."""
        return [
            message.json
            for message in self.iot.arrived
            if message.client.startswith(device.id) and message.json["msgType"] == "cloudUpgrade"
        ]

    def say(self, device: FakeDevice, step: Step | None = None, **more: Any) -> None:
        """About the upgrade it was told of last."""
        told = self.told(device)[-1]
        given = {"upgrade": told["operationId"], "attempt": told["attempt"]} | more
        upgrade_reports.report(Said(device.id, step=step, **given))

    def finish(self, device: FakeDevice, **more: Any) -> None:
        for step in (Step.DOWNLOADING, Step.DOWNLOADED, Step.UPDATING):
            self.say(device, step)
        self.say(device, **({"succeeded": True, "version": "2.0"} | more))

    def pass_time(self, seconds: float) -> list[str]:
        """The clock moves, the sweep runs, jobs are worked."""
        self.clock.advance(seconds)
        upgrade_ends.sweep()
        return self.work.run()

    def events(self, device: FakeDevice) -> list[tuple[str, Any]]:
        """Type and step or status of what apps are told of upgrades, oldest first."""
        from chalicelib.store.outbox import EventRecord

        told = [(record.type, json.loads(record.data)) for record in EventRecord.query(device.id)]
        return [
            (kind, data["upgrade"]["step"] if kind == "upgrade.stepped" else data["upgrade"]["status"])
            for kind, data in told
            if kind.startswith("upgrade.")
        ]
