"""Upgrades against a model: whatever comes, twice or late or never, counters equal a recount, what is
settled stays so, and a device is told of one upgrade at a time.
"""

import itertools
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chalicelib.core import removal, upgrade_ends
from chalicelib.core.upgrade_reports import Said, report
from chalicelib.core.upgrade_states import Policy, PolicyKind, Status, Step
from chalicelib.store.devices import QUEUE, QueueRecord
from chalicelib.store.outbox import EventRecord
from tests.support.clock import FakeClock
from tests.support.iot import FakeDevice, Reaction
from tests.support.upgrades import UpgradeRig

DEVICES = 2
SETTLED = (Status.SUCCESS, Status.FAILED, Status.STOPPED)
POLICIES = st.sampled_from(
    [Policy(), Policy(retries=1), Policy(PolicyKind.ONLINE), Policy(PolicyKind.ONLINE, retries=2)]
)
_numbers = itertools.count()


class World:
    """What the machine's examples share: one account, one tenant."""

    rig: UpgradeRig


class Upgrades(RuleBasedStateMachine):
    """Two devices, a few upgrades. `gone` are the devices that were deleted."""

    @initialize()
    def begin(self) -> None:
        self.rig = World.rig
        self.rig.work.lose()
        self.devices = self.rig.devices(DEVICES)
        self.upgrades: list[str] = []
        self.ended: dict[tuple[str, str], Status] = {}
        self.gone: set[str] = set()

    @rule(policy=POLICIES, window=st.booleans())
    def create(self, policy: Policy, window: bool) -> None:
        there = [device for device in self.devices if device.id not in self.gone]
        if len(self.upgrades) == 3 or not there:
            return
        if window:
            now = self.rig.clock.at
            policy = Policy(PolicyKind.WINDOW, now + 60_000, now + 660_000, policy.retries)
        self.rig.clock.advance(0.01)
        self.upgrades.append(self.rig.create(there, policy))

    @rule(which=st.integers(0, DEVICES - 1), how=st.sampled_from(["connect", "drop", "vanish", "silent"]))
    def link(self, which: int, how: str) -> None:
        device = self.devices[which]
        if device.id in self.gone:
            return
        if how == "connect":
            device.connect()
        elif how == "silent":
            device.connect(Reaction.SILENT)
        elif device.client:
            device.disconnect() if how == "drop" else device.vanish()

    @rule(
        which=st.integers(0, DEVICES - 1),
        step=st.sampled_from([None, *Step][:4]),
        succeeded=st.sampled_from([None, None, True, False]),
        twice=st.booleans(),
        old=st.booleans(),
    )
    def say(self, which: int, step: Step | None, succeeded: bool | None, twice: bool, old: bool) -> None:
        device = self.devices[which]
        told = self.rig.told(device)
        if not told:
            return
        about = told[0 if old else -1]
        said = Said(device.id, about["operationId"], about["attempt"], step=step, succeeded=succeeded)
        for _ in range(1 + twice):
            report(said)

    @rule(twice=st.booleans())
    def work(self, twice: bool) -> None:
        """One job, perhaps twice."""
        job = self.rig.work.take()
        if job is not None:
            self.rig.work.work(job)
            if twice and job.message["job"].startswith("upgrade"):
                self.rig.work.work(job)

    @rule()
    def work_all(self) -> None:
        self.rig.work.run()

    @rule()
    def lose(self) -> None:
        self.rig.work.lose()

    @rule(seconds=st.sampled_from([1, 11, 40, 700, 3700]))
    def pass_time(self, seconds: int) -> None:
        self.rig.clock.advance(seconds)

    @rule()
    def sweep(self) -> None:
        upgrade_ends.sweep()

    @rule(which=st.integers(0, DEVICES - 1), really=st.sampled_from([False, False, False, True]))
    def delete(self, which: int, really: bool) -> None:
        device = self.devices[which]
        if really and device.id not in self.gone:
            self.gone.add(device.id)
            removal.delete(self.rig.fleet.caller, device.id)

    @invariant()
    def nothing_settled_moves_and_counters_equal_a_recount(self) -> None:
        for upgrade in getattr(self, "upgrades", ()):
            for device, part in self.rig.parts(upgrade).items():
                before = self.ended.get((upgrade, device))
                assert before is None or part.status is before, (upgrade, device)
                if part.status in SETTLED:
                    self.ended[upgrade, device] = part.status

    @invariant()
    def a_device_is_told_of_one_at_a_time(self) -> None:
        for device in getattr(self, "devices", ()):
            parts = [self.rig.parts(upgrade).get(device.id) for upgrade in self.upgrades]
            at_work = [part for part in parts if part and part.status is Status.PROCESSING]
            assert len(at_work) <= 1

    def teardown(self) -> None:
        """In the end everybody is through, was told so once, and no queue names an upgrade."""
        rig = self.rig
        for _ in range(4):
            rig.pass_time(31 * 24 * 3600)
        for upgrade in self.upgrades:
            assert set(rig.statuses(upgrade)) <= set(SETTLED)
        for device in self.devices:
            queue = QueueRecord.find(device.id, QUEUE)
            assert queue is None or not (queue.upgrades or queue.upgrading)
            self._told_once(device)
        assert rig.work.dead == []

    def _told_once(self, device: FakeDevice) -> None:
        told = [each for each in EventRecord.query(device.id) if each.type == "upgrade.settled"]
        named = [self._named(each) for each in told]
        mine = {upgrade for upgrade, of in self.ended if of == device.id}
        mine |= {each for each in self.upgrades if device.id in self.rig.parts(each)}
        assert sorted(named) == sorted(mine)

    @staticmethod
    def _named(record: Any) -> str:
        import json

        return str(json.loads(record.data)["upgrade"]["upgrade"])


def test_upgrades_follow_the_model(aws: None, clock: FakeClock) -> None:
    World.rig = UpgradeRig(clock)
    run_state_machine_as_test(
        Upgrades,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],  # an example takes a second: shrinking one would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
