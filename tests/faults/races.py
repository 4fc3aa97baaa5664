"""Races on a real (emulated) DynamoDB, in a process of their own: `python -m tests.faults.races NAME`.

Prints one JSON object of what happened; tests/faults/test_races.py judges it. moto is no use
here: it loses acknowledged writes under threads.
"""

import base64
import json
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

THREADS = 16
UPDATES = int(os.environ.get("RACE_UPDATES", "200"))  # of each writer of the shadow


def together(calls: list[Callable[[], Any]]) -> Counter[str]:
    """Run all at once; how often each outcome came: "ok" or the error's name."""

    def outcome(call: Callable[[], Any]) -> str:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - the outcome is what is asked for
            return type(error).__name__
        return "ok"

    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(pool.map(outcome, calls))


def reports(fleet: Any) -> dict[str, Any]:
    """200 reports of one device's one service, each with a time of its own, some fields older than others."""
    from chalicelib.core import clock, devices, history, telemetry
    from chalicelib.core.telemetry import Report, Reported

    device = _registered(fleet, "racer")
    now = clock.now()

    def one(number: int) -> Callable[[], Any]:
        values = {"level": number % 101} if number % 2 else {"flow": number}
        service = Reported("Meter", values, now + number * 1000)
        given = Report(device, device, (service,), f"message-{number}", now)
        return lambda: _asked_again(lambda: telemetry.report(given))

    outcomes = together([one(number) for number in range(200)])
    _, states = devices.get_with_services(fleet.caller, device)
    return {
        "outcomes": outcomes,
        "shadow": states[0].data,
        "stored": len(list(history.HistoryRecord.query(device))),
        "activations": _events(device)["device.bound"],
        "told": _events(device)["data.reported"],
    }


def registrations(fleet: Any) -> dict[str, Any]:
    """The same node id registered by all at once."""
    from chalicelib.core import registration
    from chalicelib.store import counters

    new = registration.NewDevice("same", registration.BY_SECRET, product=fleet.product.id)
    outcomes = together([lambda: registration.register(fleet.caller, new)] * 32)
    return {"outcomes": outcomes, "total": counters.total(registration.total_name(fleet.application))}


def commands(fleet: Any) -> dict[str, Any]:
    """40 cached commands for one offline device at once."""
    from chalicelib.core import commands as core
    from chalicelib.store.devices import QUEUE, QueueRecord

    device = _registered(fleet, "offline")
    new = core.NewCommand(device, "Meter", "SET_LEVEL", {"value": 1}, "huawei")
    outcomes = together([lambda: core.create(fleet.caller, new)] * 40)
    queue = QueueRecord.find(device, QUEUE)
    waiting = list(queue.waiting) if queue else []
    return {"outcomes": outcomes, "waiting": len(waiting), "different": len(set(waiting))}


def refreshes(fleet: Any) -> dict[str, Any]:
    """One refresh token used by all at once."""
    from chalicelib.core import tokens

    pair = tokens.issue("race", fleet.application, fleet.tenant)
    return {"outcomes": together([lambda: tokens.refresh(pair.refresh, fleet.application)] * 16)}


def logins(fleet: Any) -> dict[str, Any]:
    """One login name wanted by all at once, for two tenants; then the account deleted by all at once."""
    from chalicelib.core import accounts, passwords
    from tests.support.fleet import make_fleet

    passwords.N = 2
    other = make_fleet("other")
    wanted = [
        partial(accounts.create, each.application, "ann@acme.example", "correct horse")
        for each in (fleet, other)
    ]
    made = together(wanted * 8)
    [account] = accounts.list_accounts(fleet.tenant) + accounts.list_accounts(other.tenant)
    deleted = together([lambda: accounts.delete(account.id)] * 8)
    return {"made": made, "deleted": deleted, "again": together(wanted[:1])}


def deletions(fleet: Any) -> dict[str, Any]:
    """One device deleted by all at once, while it reports."""
    from chalicelib.core import clock, registration, removal, telemetry
    from chalicelib.core.telemetry import Report, Reported
    from chalicelib.store import counters

    device = _registered(fleet, "doomed")
    service = Reported("Meter", {"flow": 1}, None)

    def report() -> None:
        telemetry.report(Report(device, device, (service,), os.urandom(8).hex(), clock.now()))

    deleting = [lambda: removal.delete(fleet.caller, device)] * 8
    outcomes = together([*deleting, *[report] * 8])
    removal.purge(device)
    return {
        "outcomes": outcomes,
        "deleted": _events(device)["device.deleted"],
        "total": counters.total(registration.total_name(fleet.application)),
    }


def _asked_again(call: Callable[[], Any]) -> Any:
    """As apps do that are told to try again, and Lambda where a function failed."""
    from chalicelib.core.errors import Busy
    from chalicelib.store.transactions import Contention

    for _ in range(5):
        with suppress(Busy, Contention):
            return call()
    return call()


def shadows(fleet: Any) -> dict[str, Any]:
    """60 properties wanted and reported at once, one more wanted otherwise by 20, while jobs send."""
    from chalicelib.core import clock, products, shadow_sending, telemetry
    from chalicelib.core import shadows as core
    from chalicelib.core.products import NodeType
    from chalicelib.core.telemetry import Report, Reported
    from chalicelib.core.things import ThingModel
    from chalicelib.store.devices import QUEUE, QueueRecord

    free = products.create(fleet.tenant, "free", ThingModel(), node_type=NodeType.ENDPOINT)
    device = _registered(fleet, "shadowed", free.id)

    def want(**values: Any) -> Callable[[], Any]:
        wanted = [core.Desired(service, values) for service in ("first", "second")]
        return lambda: _asked_again(lambda: core.set_desired(fleet.caller, device, wanted))

    def report(**values: Any) -> Callable[[], Any]:
        said = tuple(Reported(service, values) for service in ("first", "second"))
        given = Report(device, device, said, os.urandom(8).hex(), clock.now())
        return lambda: _asked_again(lambda: telemetry.report(given))

    calls = [act(**{f"p{n}": n}) for n in range(60) for act in (want, report)]
    calls += [want(level=n) for n in range(20)]
    calls += [lambda: _asked_again(lambda: shadow_sending.deliver(device))] * 10
    outcomes = together(calls)
    _, found = core.read(fleet.caller, device)
    report(level=found[0].desired["level"])()
    shadow_sending.deliver(device, ["first", "second"])
    queue = QueueRecord.find(device, QUEUE)
    return {
        "outcomes": outcomes,
        "desired": [sorted(each.desired) for each in found],
        "reported": [sorted(each.reported) for each in found],
        "states": _states(device),
        "told": _told(device),
        "waiting": sorted(queue.shadows or ()) if queue else [],
    }


def lora(fleet: Any) -> dict[str, Any]:
    """One EUI registered by many beside twelve others, two nodes deleted, while jobs tell the server."""
    from chalicelib.core import lora as core
    from chalicelib.core import lora_sending
    from chalicelib.core.lora_records import Role
    from chalicelib.handlers import wiring
    from tests.support.iot import FakeIot
    from tests.support.lora import make_site

    wiring.wire()
    iot = FakeIot()
    iot.install()
    site = make_site(fleet, iot)
    first = [site.node(f"{number:016x}").device.device for number in range(2)]
    registering = [site.node] * 12 + [partial(site.node, f"{number:016x}") for number in range(2, 14)]
    deleting = [partial(core.delete, fleet.caller, device, Role.NODE) for device in first * 2]
    telling = [partial(lora_sending.deliver, site.server.id)] * 8
    came: list[tuple[str, str]] = []

    def noted(kind: str, call: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: came.extend((kind, each) for each in together([call]))

    together(
        [noted("registered", call) for call in registering]
        + [noted("deleted", call) for call in deleting]
        + [noted("told", call) for call in telling]
    )
    lora_sending.deliver(site.server.id)
    known: list[str] = []
    for action, device in site.learned():
        if action == "add":
            known.append(device)
        elif device in known:
            known.remove(device)
    present = {device for device in known if core.get(fleet.caller, device, Role.NODE)}
    return {
        **{kind: Counter(each for its, each in came if its == kind) for kind, _ in came},
        "known": len(known),
        "present": len(present),
        "messages": len(site.learned()),
        "different": len(set(site.learned())),
    }


def device_shadow(fleet: Any) -> dict[str, Any]:
    """16 writers of one device's shadow; see `tests/faults/shadow_race.py`."""
    from tests.faults.shadow_race import run

    return run(fleet, UPDATES)


def shadow_repeats(fleet: Any) -> dict[str, Any]:
    """One message about a shadow sent by 16 at once."""
    from tests.faults.shadow_race import repeat

    return repeat(fleet)


def _states(device: str) -> dict[str, Counter[str]]:
    """Of the changes of the property that many want, and of all others."""
    from chalicelib.store.history import DesiredRecord

    found: dict[str, Counter[str]] = {"level": Counter(), "others": Counter()}
    for record in DesiredRecord.query(device, DesiredRecord.entry.startswith("D#")):
        found["level" if "level" in record.names else "others"][f"{record.service} {record.status}"] += 1
    return found


def _told(device: str) -> Counter[str]:
    """How often each service's outcome was told, by how many properties are different in it."""
    from chalicelib.store.outbox import EventRecord

    told = [
        one
        for record in EventRecord.query(device)
        if record.type == "desired.settled"
        for one in json.loads(record.data)["changes"]
    ]
    different = {(one["service"], *one["properties"]) for one in told}
    return Counter(
        [*(f"{one['service']} {one['status']}" for one in told), *("different" for _ in different)]
    )


def automations(fleet: Any) -> dict[str, Any]:
    """Eight devices make the last conditions true at once, each event comes twice; then the run is worked
    by all at once, then everybody switches.
    """
    from chalicelib.core import automation_runs, automation_watch, clock, telemetry
    from chalicelib.core import automations as core
    from chalicelib.core import events as outbox
    from chalicelib.core.telemetry import Report, Reported
    from chalicelib.store.commands import CommandRecord
    from chalicelib.store.devices import DEVICE, DeviceRecord
    from chalicelib.store.outbox import EventRecord
    from tests.support.automations import level, set_level, want_level

    meters = [_registered(fleet, f"meter-{number}") for number in range(8)]
    valve = _registered(fleet, "valve")
    rule = {"name": "all", "conditions": [level(each) for each in meters]}
    rule["actions"] = [set_level(valve), want_level(valve)]
    made = core.create(fleet.caller, json.dumps(rule))
    for meter in meters:
        said = (Reported("Meter", {"level": 90}),)
        telemetry.report(Report(meter, meter, said, f"message-{meter}", clock.now()))
    told = [outbox.read(record) for meter in meters for record in EventRecord.query(meter)]
    heard = together([partial(automation_watch.hear, [event]) for event in told * 2])
    [run] = core.runs(fleet.caller, made.id, 0, 10).items
    worked = together([partial(automation_runs.perform, made.id, run.id)] * THREADS)
    again = core.runs(fleet.caller, made.id, 0, 10).items
    switched = together([partial(core.disable, fleet.caller, made.id)] * THREADS)
    switched += together([partial(core.enable, fleet.caller, made.id)] * THREADS)
    counts = [DeviceRecord.get(meter, DEVICE).automations for meter in meters]
    deleted = together([partial(core.delete, fleet.caller, made.id)] * THREADS)
    return {
        "heard": heard,
        "worked": worked,
        "runs": [each.status for each in again],
        "commands": len(list(CommandRecord.query(valve))),
        "told": _events(made.id)["automation.ran"],
        "switched": switched,
        "counts": counts,
        "deleted": deleted,
        "left": [DeviceRecord.get(meter, DEVICE).automations for meter in meters],
    }


def released(fleet: Any) -> dict[str, Any]:
    """Products that are released, changed, given data points and deleted, all at once."""
    from chalicelib.core import data_points, product_changes, products
    from chalicelib.core.data_points import Changes as Rest
    from chalicelib.core.errors import ProductNotFound
    from chalicelib.core.product_changes import Changes
    from chalicelib.core.things import DataType, ThingModel

    found: dict[str, Any] = {"ends": Counter(), "kept": []}
    for turn in range(6):
        product = products.create(fleet.tenant, "before", ThingModel(), released=False).id
        names = [f"name-{number}" for number in range(4)]
        points = [f"p{number}" for number in range(4)]
        change = partial(product_changes.change, fleet.tenant, product)
        seen: Counter[str] = Counter()

        def noted(call: Callable[[], Any], name: str, seen: Counter[str] = seen) -> Callable[[], Any]:
            def run() -> None:
                call()
                seen[name] += 1

            return run

        calls = [noted(partial(change, Changes(name=name)), name) for name in names]
        make = partial(data_points.create, fleet.tenant, product)
        calls += [noted(partial(make, name, DataType.BOOL, Rest(index=turn)), name) for name in points]
        if turn % 3 != 1:
            calls += [noted(partial(change, Changes(released=True)), "release")] * 2
        if turn % 3:
            calls += [noted(partial(product_changes.delete, fleet.tenant, product), "delete")] * 2
        random.Random(turn).shuffle(calls)
        outcomes = together(calls)
        try:
            now = products.fresh(fleet.tenant, product)
        except ProductNotFound:
            found["ends"]["deleted"] += 1
            found["kept"].append(seen["delete"] == 1 and not seen["release"])
        else:
            found["ends"]["released" if now.released else "open"] += 1
            held = [each.key for each in data_points.list_points(now)]
            found["kept"].append(
                not seen["delete"]
                and seen["release"] == int(bool(now.released))
                and held == [name for name in points if seen[name]]
                and len(held) <= 1
                and (now.name == "before" or seen[now.name] == 1)
            )
        found.setdefault("outcomes", Counter()).update(outcomes)
    return found


def firmwares(fleet: Any) -> dict[str, Any]:
    """One version of a model wanted by all at once, then changed to another by some, then deleted by all."""
    from chalicelib.core import firmwares as core

    facts = core.Facts("m", 1, "http://files.example/1", "0" * 32, 1, "", 0, False)
    product = fleet.product.id
    made = together([partial(core.create, product, facts)] * 16)
    [one] = core.list_firmwares(product)
    changed = together([partial(core.change_facts, product, one.id, {"version": n}) for n in (2, 3, 4)])
    [one] = core.list_firmwares(product)
    taken = together(
        [partial(core.create, product, core.Facts("m", n, "u", "0", 1, "", 0, False)) for n in (1, 2, 3, 4)]
    )
    deleted = together([partial(core.delete, product, one.id)] * 8)
    return {"made": made, "changed": changed, "taken": taken, "deleted": deleted}


def upgrades(fleet: Any) -> dict[str, Any]:
    """Thirty devices of one chunk: queued by all workers at once, each sent off twice, then of each the
    success, the failure and a step arrive at once, twice.
    """
    from chalicelib.core import upgrade_cases, upgrade_moves, upgrade_queries, upgrade_reports, upgrade_work
    from chalicelib.core import upgrades as core
    from chalicelib.core.upgrade_reports import Said
    from chalicelib.core.upgrade_states import Policy, PolicyKind, Step, Target
    from chalicelib.store.devices import QUEUE, QueueRecord
    from tests.support.upgrades import make_package

    meters = [_registered(fleet, f"meter-{number}") for number in range(30)]
    package = make_package(fleet)
    policy = Policy(PolicyKind.ONLINE)
    new = core.NewUpgrade(package.type, package.id, Target(), policy, tuple(meters))
    upgrade = core.create(fleet.caller, new)
    queued = together([partial(upgrade_work.perform, upgrade, "C#00000000")] * THREADS)
    cases = upgrade_cases.read_some((upgrade, meter) for meter in meters)
    again = upgrade_cases.read_some((upgrade, meter) for meter in meters)
    sent = together([partial(upgrade_moves.send_off, case) for case in [*cases, *again]])
    words = [
        partial(upgrade_reports.report, Said(meter, upgrade, 1, **said))
        for meter in meters
        for said in ({"succeeded": True}, {"succeeded": False}, {"step": Step.DOWNLOADING}) * 2
    ]
    reported = together(words)
    found = upgrade_queries.get(fleet.caller, upgrade)
    parts = upgrade_queries.parts(fleet.caller, upgrade, size=100).items
    queues = [QueueRecord.get(meter, QUEUE) for meter in meters]
    return {
        "queued": queued,
        "sent": sent,
        "reported": reported,
        "counted": [found.counts.success, found.counts.failed],
        "recount": [sum(part.status.value == name for part in parts) for name in ("success", "failed")],
        "left": [each.item for each in queues if each.upgrades or each.upgrading],
        "told": sum(_events(meter)["upgrade.settled"] for meter in meters),
    }


def mac_addresses(fleet: Any) -> dict[str, Any]:
    """One MAC address added by all at once, while two imports of a list with it are worked, each twice."""
    from chalicelib.core import ids, imports, registration
    from chalicelib.store import counters
    from chalicelib.store.devices import DeviceRecord

    names = [f"{number:012X}" for number in range(60)]
    accepted = [imports.accept(fleet.caller, fleet.product.id, names) for _ in range(2)]
    new = registration.NewDevice(
        None, registration.BY_SECRET, product=fleet.product.id, mac_key=names[20], secret=ids.secret()
    )
    adding = [lambda: registration.register(fleet.caller, new)] * 12
    working = [lambda each=each: imports.perform(f"{each}#0") for each in accepted * 2]
    outcomes = together([*adding[:6], *working, *adding[6:]])
    found = [record.mac_key for record in DeviceRecord.by_product.query(fleet.product.id)]
    return {
        "outcomes": outcomes,
        "names": [len(found), len(set(found))],
        "total": counters.total(registration.total_name(fleet.application, fleet.product.id)),
    }


def extended_properties(fleet: Any) -> dict[str, Any]:
    """Ten names, each added by two at once, then all changed by many; one device's item takes it all."""
    import msgspec

    from chalicelib.core import extended_properties as core

    device = _registered(fleet, "annotated")

    def write(act: Any, name: str, value: int) -> Callable[[], Any]:
        def call() -> None:
            for _ in range(50):
                with suppress(core.Busy):
                    act(fleet.caller, device, {name: msgspec.Raw(str(value).encode())})
                    return
            raise core.Busy(name)

        return call

    added = together([write(core.add, f"p{number % 10}", number) for number in range(20)])
    changed = together([write(core.change, f"p{number % 10}", 1000 + number) for number in range(30)])
    held = {name: int(bytes(value)) for name, value in core.read(fleet.caller, device).items()}
    return {"added": added, "changed": changed, "names": sorted(held), "least": min(held.values())}


def managers(fleet: Any) -> dict[str, Any]:
    """One device bound by all at once; then by all as members; then the manager leaves as some come."""
    from chalicelib.core import bindings
    from chalicelib.core.bindings import Mode, Role
    from tests.support.bound import assert_whole, person

    device = _registered(fleet, "shared")
    people = [person(fleet, f"p{number}") for number in range(32)]

    def take(user: str, mode: Mode) -> Callable[[], Any]:
        return lambda: bindings.take(fleet.caller, user, device, mode)

    first = together([take(each, Mode.AUTHORIZED) for each in people])
    [manager] = bindings.of_device(device)
    assert_whole()
    rest = [each for each in people if each != manager.user]
    second = together([take(each, Mode.SHARED) for each in rest])
    full = len(bindings.of_device(device))
    assert_whole()
    members = [each.user for each in bindings.of_device(device) if each.role is Role.MEMBER]
    leave = [lambda each=each: bindings.unbind(each, device) for each in members[:8]]
    new = [take(each, Mode.SHARED) for each in rest if each not in members]
    third = together([*leave, lambda: bindings.unbind(manager.user, device), *new])
    assert_whole()
    seized = together([take(each, Mode.SEIZED) for each in people[:8]])
    assert_whole()
    return {"first": first, "second": second, "full": full, "third": third, "seized": seized}


def goings(fleet: Any) -> dict[str, Any]:
    """A device is deleted and its manager unregistered, by workers that come twice, as others bind it."""
    from chalicelib.core import bindings, removal, unregistration, users
    from chalicelib.core.bindings import Mode
    from chalicelib.core.errors import BindRefused, NotBound
    from tests.support.bound import assert_whole, person

    seen: Counter[str] = Counter()
    left: list[int] = []
    for number in range(6):
        device, kept = _registered(fleet, f"doomed-{number}"), _registered(fleet, f"kept-{number}")
        leaver, *people = (person(fleet, f"p{number}-{each}") for each in range(9))
        for each in (device, kept):
            bindings.bind(fleet.caller, leaver, each)
        bindings.bind(fleet.caller, people[0], kept, bindings.Role.MEMBER)

        def bind(user: str, device: str = device) -> Any:
            with suppress(BindRefused, NotBound):
                bindings.take(fleet.caller, user, device, Mode.SHARED)

        calls: list[Callable[[], Any]] = [partial(bind, each) for each in people]
        calls[2:2] = [partial(removal.delete, fleet.caller, device), partial(users.remove, leaver)]
        seen += together(calls)
        again = [partial(removal.purge, device), partial(unregistration.perform, leaver)] * 2
        seen += together(again)
        for worker in again[:2] * 2:  # as the queue has it come again
            worker()
        assert_whole()
        left.append(len(bindings.of_device(device)) + len(bindings.of_user(leaver)))
        left.append(len(bindings.of_device(kept)))
    return {"seen": seen, "left": left}


def households(fleet: Any) -> dict[str, Any]:
    """A person's apps move, order and group the same devices in several homes at once, while some are bound
    and unbound and the current home changes.
    """
    from chalicelib.core import bindings, control_groups, home_documents, home_rooms, homes, users
    from chalicelib.core import households as core
    from tests.support.bound import device, person
    from tests.support.things import make_lamp_product

    ann = users.find(person(fleet, "ann")).person
    lamp = make_lamp_product(fleet.tenant)
    found = [device(fleet, f"lamp-{number}", lamp.id) for number in range(16)]
    some = [homes.create_home(ann, f"home {number}") for number in range(3)]
    for each in found[:12]:
        bindings.bind(fleet.caller, ann.user, each)
    rooms = {each: [home_rooms.create(ann, each, name) for name in "ab"] for each in some}
    name = str(lamp.short_id)

    def wild(number: int) -> Callable[[], Any]:
        rng = random.Random(number)
        home, few = rng.choice(some), rng.sample(found, 3)
        room = rng.choice([*rooms[home], None])
        moving = partial(home_rooms.move, ann, home, room, few)
        return rng.choice(
            [
                moving,
                partial(home_rooms.fill, ann, home, rooms[home][0], few),
                partial(control_groups.create, ann, some[2], f"group {number}", name, few[:2]),
                partial(home_rooms.reorder_element, ann, home, few[0], rng.randrange(9)),
                partial(homes.set_current, ann, home),
                partial(bindings.bind, fleet.caller, ann.user, few[0]),
                partial(bindings.unbind, ann.user, few[1]),
            ]
        )

    first = together([partial(homes.create_home, ann, "same") for _ in range(4)])
    full = together([partial(home_rooms.create, ann, some[0], f"room {number}") for number in range(20)])
    outcomes = together([wild(number) for number in range(160)])
    household = core.read(ann)
    placed = [each for home in household.homes for each in home.bound]
    held = [
        [each for holder in holders for each in holder.devices]
        for home in household.homes
        for holders in (home.rooms, home.groups)
    ]
    return {
        "first": first,
        "full": full,
        "outcomes": outcomes,
        "rooms": len(household.home(some[0]).rooms),
        "placed": sorted(placed) == sorted(household.holdings),
        "once": all(len(set(each)) == len(each) for each in held),
        "ordered": all(
            sorted(home.order) == sorted([*home.bound, *(each.id for each in home.groups)])
            for home in household.homes
        ),
        "groups": sum(len(home_documents.groups(home)) for home in household.homes),
    }


def _registered(fleet: Any, node_id: str, product: str | None = None) -> str:
    from chalicelib.core import registration

    new = registration.NewDevice(node_id, registration.BY_SECRET, product=product or fleet.product.id)
    return str(registration.register(fleet.caller, new).device.device)


def _events(device: str) -> Counter[str]:
    from chalicelib.store.outbox import EventRecord

    return Counter(record.type for record in EventRecord.query(device))


def shares(fleet: Any) -> dict[str, Any]:
    """Twelve offers, each agreed to twice, refused and canceled at once; a QR code scanned by ten people and
    ended for one device by its manager; one offer made eight times; one code exchanged eight times.
    """
    from chalicelib.core import bindings, share_answers, share_codes, share_offers, share_records, users
    from chalicelib.core import user_sessions as sessions
    from chalicelib.core.bindings import Role
    from chalicelib.store.transactions import Transaction
    from tests.support.bound import assert_whole, device, person

    ann, bob = (users.find(person(fleet, name)).person for name in ("ann", "bob"))
    receiver = users.find(bob.user)
    meters = [device(fleet, f"meter-{number}") for number in range(15)]
    for each in meters:
        bindings.bind(fleet.caller, ann.user, each)
    offered = share_offers.offer(ann, meters[:12], receiver)

    def answer(share: Any, *, agree: bool) -> Callable[[], Any]:
        return lambda: share_answers.answer(bob, agree=agree, shares=[share.id])

    calls: list[Callable[[], Any]] = []
    for share in offered:
        calls += [answer(share, agree=True)] * 2 + [answer(share, agree=False)]
        calls.append(lambda share=share: share_answers.cancel(ann, shares=[share.id]))
    random.shuffle(calls)
    outcomes = together(calls)
    settled = share_records.of_batch(bob, offered[0].batch)
    other = share_records.of_batch(ann, offered[0].batch)
    members = {each.device for each in bindings.of_user(bob.user) if each.role is Role.MEMBER}
    assert_whole()
    people = [users.find(person(fleet, f"p{number}")).person for number in range(10)]
    code = share_codes.create(ann, meters[12:14])
    scans: list[Callable[[], Any]] = [lambda who=who: share_codes.scan(who, code) for who in people]
    scanned = together([*scans, lambda: bindings.unbind(ann.user, meters[13])])
    assert_whole()
    repeated = together([lambda: share_offers.offer(ann, [meters[14]], receiver)] * 8)
    session = sessions.auth_code(receiver, Transaction())
    exchanged = together([lambda: sessions.exchange(session, fleet.application)] * 8)
    return {
        "wins": outcomes["ok"],
        "states": Counter(each.state.value for each in settled),
        "sides": [each.state.value for each in settled] == [each.state.value for each in other],
        "agreed": members == {each.device for each in settled if each.state.value == "agreed"},
        "other": sorted(set(outcomes) - {"ok"}),
        "scanned": scanned,
        "kept": len(bindings.of_device(meters[12])),
        "left": len(bindings.of_device(meters[13])),
        "repeated": repeated,
        "exchanged": exchanged,
    }


def production(fleet: Any) -> dict[str, Any]:
    """Lanes of a batch, each worked by four at a time; and a list of names that all generate at once, while
    devices of some of the names are registered.
    """
    from chalicelib.core import certificates, production, production_work, products, registration
    from chalicelib.store import counters
    from chalicelib.store.devices import DeviceRecord
    from chalicelib.store.production import LaneRecord

    product = fleet.product.id
    products.revise(fleet.tenant, product, lambda _record, _change: {"released": True})
    numbered = production.generate(fleet.caller, product, 450)
    named = production.upload(fleet.caller, product, [f"n{number}" for number in range(60)]).id
    generated = together([lambda: production.generate_named(fleet.caller, product, named)] * 8)
    lanes = [f"{numbered}#{number}" for number in range(3)] + [f"{named}#0"]
    working = [lambda each=each: production_work.perform(each) for each in lanes * 4]
    new = [registration.NewDevice(f"n{n}", registration.BY_SECRET, product=product) for n in range(20, 40)]
    adding = [lambda each=each: registration.register(fleet.caller, each) for each in new]
    outcomes = together([*working[:8], *adding, *working[8:]])
    for lane in lanes:
        production_work.perform(lane)  # what a worker left that gave up
    listed = [certificates.of_batch(fleet.caller, batch, 0, 500) for batch in (numbered, named)]
    held = list(DeviceRecord.by_product.query(product))
    return {
        "generated": generated,
        "adding": {name: outcomes[name] for name in ("NodeIdTaken", "ok")},
        "unexpected": {name: n for name, n in outcomes.items() if name not in ("NodeIdTaken", "ok")},
        "lanes": [LaneRecord.find(lane) is not None for lane in lanes],
        "listed": [[len(each.items), each.total] for each in listed],
        "devices": [len(held), len({record.device for record in held})],
        "total": counters.total(registration.total_name(fleet.application, product)),
    }


def bind_tokens(fleet: Any) -> dict[str, Any]:
    """One token reported by several devices at once, then used by all people at once, in each mode."""
    from chalicelib.core import bind_tokens, bindings, product_details, provisioning, users
    from chalicelib.core.product_details import Details
    from chalicelib.core.products import ShareMode
    from tests.support.bound import assert_whole, person

    names = [f"lamp-{number}" for number in range(8)]
    ids = {_registered(fleet, name): name for name in names}
    people = [users.find(person(fleet, f"p{number}")).person for number in range(16)]
    short = fleet.product.short_id
    rounds = []
    for number, mode in enumerate(ShareMode):
        product_details.describe(fleet.tenant, fleet.product.id, Details(share_mode=mode))
        token = f"token-{number}"
        with ThreadPoolExecutor(THREADS) as pool:
            taken = list(pool.map(lambda each, token=token: bind_tokens.report(each, token), ids))
        device = bind_tokens.device_of(people[0], token).device
        outcomes = together(
            [
                lambda each=each, token=token, name=ids[device]: provisioning.bind_by_token(
                    each, short, name, token
                )
                for each in people
            ]
        )
        assert_whole()
        rounds.append([sum(taken), outcomes.pop("ok", 0), sorted(outcomes), len(bindings.of_device(device))])
        for each in list(bindings.of_device(device)):
            bindings.unbind(each.user, device)
    return {"rounds": rounds}


RACES = {
    race.__name__: race
    for race in (
        reports,
        registrations,
        commands,
        refreshes,
        logins,
        deletions,
        released,
        firmwares,
        lora,
        shadows,
        device_shadow,
        shadow_repeats,
        automations,
        upgrades,
        mac_addresses,
        extended_properties,
        managers,
        goings,
        households,
        production,
        bind_tokens,
        shares,
    )
}


def main(name: str) -> None:
    print(json.dumps(run(RACES[name])))


def run(scene: Callable[[Any], T]) -> T:
    """What the scene makes of a tenant in an empty DynamoDB; once in a process."""
    from infra.local.aws import Emulator

    with tempfile.TemporaryDirectory() as folder:
        emulator = Emulator(Path(folder))
        emulator.start()
        os.environ.update(
            AWS_ENDPOINT_URL=emulator.endpoint,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            AWS_DEFAULT_REGION="us-east-1",
            AWS_EC2_METADATA_DISABLED="true",
            POLYTHING_PREFIX="polything-race",
            POLYTHING_DATA_KEY="local:" + base64.b64encode(b"k" * 32).decode(),
        )
        try:
            from infra.local.provision import provision

            made = provision("polything-race")
            os.environ.update(POLYTHING_QUEUE_BASE=made.queue_base, POLYTHING_PACKAGES=made.packages)
            from tests.support.fleet import make_fleet

            return scene(make_fleet())
        finally:
            emulator.stop()


if __name__ == "__main__":
    main(sys.argv[1])
