"""LoRa devices: behind an online server, their EUIs once, their server told whatever crashes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core import children, devices, lora, lora_sending, registration, removal, renewal, waking
from chalicelib.core.errors import (
    AppKeyMissing,
    AppSessionKeyMissing,
    Busy,
    DeviceAddressMissing,
    DeviceNotFound,
    InvalidInput,
    LoraDeviceExists,
    LoraServerNotFound,
    LoraServerOffline,
    NetworkSessionKeyMissing,
    NodeIdTaken,
    NotLorawan,
    PolythingError,
    ProductNotFound,
    WrongLoraProduct,
)
from chalicelib.core.lora import JoinType
from chalicelib.core.lora_records import LoraDevice, Role
from chalicelib.core.products import NodeType, Product
from chalicelib.store import counters
from chalicelib.store.devices import DEVICE, DeviceItem, DeviceRecord, LoraNoticeRecord
from chalicelib.store.outbox import EventRecord
from chalicelib.store.products import AliasRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Crash, Faults
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.iot import FakeIot, Reaction
from tests.support.lora import EUI, KEY, OTHER_KEY, Site, add_server, lora_product, make_site, stored_text
from tests.support.queues import WorkQueue

READ, WRITE, JOBS = "dynamodb.BatchGetItem", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"
ABP: dict[str, Any] = {
    "join_type": JoinType.ABP,
    "app_session_key": KEY,
    "network_session_key": OTHER_KEY,
    "dev_addr": "0" * 8,
}


@pytest.fixture
def work(iot: FakeIot, clock: FakeClock) -> WorkQueue:
    return WorkQueue(clock)


@pytest.fixture
def site(iot: FakeIot, work: WorkQueue) -> Site:
    return make_site(make_fleet(), iot)


def hub_product(site: Site, model: str) -> Product:
    return make_product(site.fleet.tenant, NodeType.GATEWAY, model=model)


def waiting(site: Site) -> list[tuple[str, bool]]:
    """What the server has not learned yet: device, and whether it is gone."""
    found = LoraNoticeRecord.query(site.server.id, LoraNoticeRecord.item.startswith("X#lora#"))
    return [(each.child, bool(each.gone)) for each in found]


def total(fleet: Fleet) -> int:
    return counters.total(registration.total_name(fleet.application))


def exists(fleet: Fleet, device: str) -> bool:
    try:
        devices.get(fleet.caller, device)
    except DeviceNotFound:
        return False
    return True


def pass_time(clock: FakeClock, work: WorkQueue, seconds: float) -> None:
    clock.advance(seconds)
    lora_sending.sweep()
    work.run()


def test_a_node_is_an_ordinary_device_behind_its_server(site: Site, work: WorkQueue, calls: Calls) -> None:
    site.node("f" * 16)
    calls.clear()
    made = site.node()
    assert calls.made == [READ, WRITE, JOBS]
    device = devices.get(site.fleet.caller, made.device.device)
    assert (device.gateway, device.node_id, device.name) == (site.server.id, EUI, "n")
    assert device.protocol_type == "LoRaWAN"
    assert set(children.children_of(site.server.id)) >= {device.device}
    assert [event.type for event in EventRecord.query(device.device)] == ["device.added"]
    assert total(site.fleet) == 3


def test_codes_and_keys_are_stored_encrypted_and_read_back(site: Site, work: WorkQueue, calls: Calls) -> None:
    made = site.node(**ABP, access_code=OTHER_KEY)
    stored = stored_text(made.device.device) + stored_text(site.server.id)
    assert KEY not in stored
    assert OTHER_KEY not in stored
    assert KEY not in json.dumps([event.data for event in EventRecord.query(made.device.device)])
    calls.clear()
    assert lora.get(site.fleet.caller, made.device.device, Role.NODE) == made
    assert calls.made == [READ]
    assert (made.app_session_key, made.network_session_key, made.access_code) == (KEY, OTHER_KEY, OTHER_KEY)


def test_a_ciphertext_moved_to_another_field_or_device_does_not_open(site: Site) -> None:
    from cryptography.exceptions import InvalidTag

    one, two = site.node("1" * 16), site.node("2" * 16)
    from chalicelib.store.devices import LORA, LoraRecord

    sealed = LoraRecord.get(one.device.device, LORA).app_key
    LoraRecord(two.device.device, LORA).update([LoraRecord.app_key.set(sealed)])
    with pytest.raises(InvalidTag):
        lora.get(site.fleet.caller, two.device.device, Role.NODE)


def test_only_the_keys_of_the_join_type_are_kept(site: Site) -> None:
    over_air = site.node("1" * 16, **{**ABP, "join_type": JoinType.OTAA})
    assert (over_air.app_key, over_air.app_session_key, over_air.dev_addr) == (KEY, None, None)
    personal = site.node("2" * 16, **ABP)
    assert (personal.app_key, personal.app_session_key, personal.dev_addr) == (None, KEY, "0" * 8)


@pytest.mark.parametrize(
    ("lacking", "raised"),
    [
        ({"app_key": None}, AppKeyMissing),
        ({"app_key": ""}, AppKeyMissing),
        ({**ABP, "app_session_key": None}, AppSessionKeyMissing),
        ({**ABP, "network_session_key": ""}, NetworkSessionKeyMissing),
        ({**ABP, "dev_addr": None}, DeviceAddressMissing),
    ],
)
def test_a_key_that_the_join_needs(
    site: Site, calls: Calls, lacking: dict[str, Any], raised: type[PolythingError]
) -> None:
    calls.clear()
    with pytest.raises(raised):
        site.node(**lacking)
    assert calls.made == []


def test_products(site: Site) -> None:
    tenant = site.fleet.tenant
    foreign = lora_product(make_fleet("other").tenant, "WaterMeter")
    for product, raised in (
        (lora_product(tenant, "WaterMeter", "MQTT").id, NotLorawan),
        (site.gateways.id, WrongLoraProduct),
        (foreign.id, ProductNotFound),
        ("0" * 32, ProductNotFound),
    ):
        with pytest.raises(raised):
            site.node(product=product)
    with pytest.raises(WrongLoraProduct):
        site.gateway(product=site.nodes.id)
    assert total(site.fleet) == 1


def test_what_is_no_server_of_the_callers(site: Site, iot: FakeIot) -> None:
    other = make_site(make_fleet("other"), iot)
    sibling = Fleet(site.fleet.tenant, "1" * 32, "", site.fleet.product)  # another application of the tenant
    beside = add_server(
        sibling, iot, make_product(site.fleet.tenant, NodeType.GATEWAY, model="LS2"), "beside"
    )
    beside.connect()
    plain = add_server(site.fleet, iot, site.fleet.product, "plain")
    plain.connect()
    hub = hub_product(site, "LS3")
    below = add_server(site.fleet, iot, hub, "below")
    below.connect()
    DeviceRecord(below.id, DEVICE).update([DeviceRecord.gateway.set(site.server.id)])
    dead = add_server(site.fleet, iot, hub, "dead")
    dead.connect()
    removal.delete(site.fleet.caller, dead.id)
    relay = site.gateway(
        "9" * 16,
        product=lora_product(site.fleet.tenant, "LoRaGateway", "lorawan", node_type=NodeType.GATEWAY).id,
    ).device.device
    before = total(site.fleet)
    for server in (other.server.id, beside.id, plain.id, below.id, dead.id, relay, "0" * 32):
        with pytest.raises(LoraServerNotFound):
            site.node(server=server)
    assert total(site.fleet) == before


def test_of_an_offline_server_nothing_is_stored(site: Site, work: WorkQueue) -> None:
    made = site.node("1" * 16)
    work.run()
    site.server.disconnect()
    with pytest.raises(LoraServerOffline):
        site.node()
    with pytest.raises(LoraServerOffline):
        lora.delete(site.fleet.caller, made.device.device, Role.NODE)
    assert (total(site.fleet), waiting(site), work.run()) == (2, [], [])
    assert exists(site.fleet, made.device.device)


def test_an_eui_is_taken_once_in_whatever_case(site: Site, iot: FakeIot) -> None:
    site.node("00aabbccddeeff00")
    for again in ("00aabbccddeeff00", "00AABBCCDDEEFF00"):
        with pytest.raises(LoraDeviceExists):
            site.node(again)
    second = add_server(
        site.fleet, iot, make_product(site.fleet.tenant, NodeType.GATEWAY, model="LS2"), "second"
    )
    second.connect()
    new = registration.NewDevice("1" * 16, registration.BY_SECRET, product=site.fleet.product.id)
    registration.register(site.fleet.caller, new)
    wanted: list[Callable[[], object]] = [
        lambda: site.node("00AABBCCDDEEFF00", server=second.id),
        lambda: site.gateway("00AABBCCDDEEFF00"),
        lambda: site.node("1" * 16),
    ]
    for register in wanted:
        with pytest.raises(NodeIdTaken) as raised:
            register()
        assert raised.type is NodeIdTaken
    make_site(make_fleet("other"), iot).node("00aabbccddeeff00")


def test_of_two_registrations_at_once_one_is_told_to_the_server(
    site: Site, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: list[LoraDevice] = []
    Faults.installed(monkeypatch).before(WRITE.partition(".")[2], lambda: first.append(site.node()))
    with pytest.raises(LoraDeviceExists):
        site.node()
    work.run()
    assert site.learned() == [("add", first[0].device.device)]
    assert total(site.fleet) == 2


def test_a_server_deleted_meanwhile_gets_no_device(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    Faults.installed(monkeypatch).before(
        "TransactWriteItems", lambda: removal.delete(site.fleet.caller, site.server.id)
    )
    with pytest.raises(LoraServerNotFound):
        site.node()
    assert total(site.fleet) == 0
    assert AliasRecord.find(f"eui#{EUI.lower()}", site.fleet.tenant) is None


def test_a_server_that_keeps_changing_is_busy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    server = DeviceRecord(site.server.id, DEVICE)

    def turn() -> None:
        """It is a gateway whenever it is read and none when it is written."""
        server.update([DeviceRecord.node_type.set("ENDPOINT")])

    def back() -> None:
        server.update([DeviceRecord.node_type.set("GATEWAY")])

    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", turn, times=lora.TRIES)
    faults.before("BatchGetItem", back, times=lora.TRIES)
    with pytest.raises(Busy):
        site.node()
    faults.rules.clear()
    faults.conflict(times=8)
    back()
    with pytest.raises(Busy):
        site.node()
    assert total(site.fleet) == 1


def test_the_server_learns_what_was_registered_and_deleted(site: Site, work: WorkQueue, calls: Calls) -> None:
    gateway = site.gateway("1" * 16, access_code=KEY)
    work.run()
    node = site.node(description="cellar")
    calls.clear()
    assert work.run() == ["lora"]
    assert [each.partition(".")[2] for each in calls.made] == [
        "Query",
        "BatchGetItem",
        "TransactWriteItems",
        "BatchGetItem",
        "SendDirectMessage",
        "DeleteItem",
        "Query",
    ]
    lora.delete(site.fleet.caller, node.device.device, Role.NODE)
    work.run()
    lora.delete(site.fleet.caller, gateway.device.device, Role.GATEWAY)
    work.run()
    topic = f"/huawei/v1/devices/{site.server.id}/command/json"
    assert {(sent.topic, sent.confirmed) for sent in site.told()} == {(topic, True)}
    assert [sent.json for sent in site.told()] == [
        {
            "msgType": "cloudLora",
            "action": "add",
            "gateway": {
                "deviceId": gateway.device.device,
                "loraServerId": site.server.id,
                "productId": site.gateways.id,
                "gatewayEUI": "1" * 16,
                "name": "g",
                "gatewaySeq": KEY,
            },
        },
        {
            "msgType": "cloudLora",
            "action": "add",
            "node": {
                "deviceId": node.device.device,
                "loraServerId": site.server.id,
                "productId": site.nodes.id,
                "devEUI": EUI,
                "name": "n",
                "authCode": None,
                "appEUI": EUI,
                "deviceClass": "classA",
                "joinType": "OTAA",
                "appSKey": None,
                "devAddr": None,
                "nwkSKey": None,
                "appKey": KEY,
                "description": "cellar",
            },
        },
        {
            "msgType": "cloudLora",
            "action": "delete",
            "node": {"deviceId": node.device.device, "devEUI": EUI},
        },
        {
            "msgType": "cloudLora",
            "action": "delete",
            "gateway": {"deviceId": gateway.device.device, "gatewayEUI": "1" * 16},
        },
    ]
    assert waiting(site) == []


def test_a_deletion_frees_the_eui_and_leaves_nothing(
    site: Site, work: WorkQueue, clock: FakeClock, calls: Calls
) -> None:
    made = site.node()
    work.run()
    calls.clear()
    lora.delete(site.fleet.caller, made.device.device, Role.NODE)
    assert calls.made == [READ, READ, WRITE, JOBS]
    assert [event.type for event in EventRecord.query(made.device.device)][-1] == "device.deleted"
    again = site.node()
    clock.advance(11)
    work.run()
    assert list(DeviceItem.query(made.device.device)) == []
    assert site.learned() == [
        ("add", made.device.device),
        ("delete", made.device.device),
        ("add", again.device.device),
    ]
    assert total(site.fleet) == 2


@pytest.mark.parametrize("operation", ["SendMessageBatch", "SendDirectMessage", "DeleteItem"])
def test_a_crash_leaves_no_server_that_never_hears_of_a_node(
    site: Site, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """Before the job is put; before its message leaves; before it is noted that it arrived."""
    faults = Faults.installed(monkeypatch)
    faults.crash(operation)
    if operation == "SendMessageBatch":
        with pytest.raises(Crash):
            site.node()
    else:
        site.node()
        work.run()
        work.lose()
    assert faults.met == 1
    assert len(waiting(site)) == 1
    pass_time(clock, work, 60)
    assert waiting(site) == []
    assert {action for action, _ in site.learned()} == {"add"}
    assert lora_sending.sweep() == 0


@pytest.mark.parametrize("operation", ["TransactWriteItems", "SendMessageBatch"])
def test_a_deletion_that_crashes_is_whole_or_has_not_been(
    site: Site, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    made = site.node()
    work.run()
    Faults.installed(monkeypatch).crash(operation)
    with pytest.raises(Crash):
        lora.delete(site.fleet.caller, made.device.device, Role.NODE)
    gone = operation == "SendMessageBatch"
    assert exists(site.fleet, made.device.device) is not gone
    pass_time(clock, work, 60)
    assert [action for action, _ in site.learned()] == (["add", "delete"] if gone else ["add"])


def test_a_server_that_does_not_acknowledge_is_told_again(
    site: Site, work: WorkQueue, clock: FakeClock
) -> None:
    site.iot.connect(site.server.client, Reaction.SILENT)
    one, two = site.node("1" * 16), site.node("2" * 16)
    work.run()
    assert site.learned() == [("add", one.device.device)]
    site.iot.connect(site.server.client)
    clock.advance(59)
    assert lora_sending.sweep() == 0
    pass_time(clock, work, 1)
    assert site.learned() == [("add", one.device.device)] * 2 + [("add", two.device.device)]


def test_a_server_that_was_gone_unnoticed_learns_when_it_is_back(
    site: Site, work: WorkQueue, clock: FakeClock
) -> None:
    site.server.vanish()
    made = site.node()
    work.run()
    assert (site.learned(), len(waiting(site))) == ([], 1)
    site.server.connect()
    waking.wake(site.server.id)
    work.run()
    assert site.learned() == [("add", made.device.device)]


def test_a_server_back_at_the_very_moment_is_told_at_once(site: Site, work: WorkQueue) -> None:
    site.server.vanish()
    made = site.node()

    def reconnect(_client: str) -> None:
        site.iot.before = None
        site.server.connect()

    site.iot.before = reconnect
    work.run()
    assert site.learned() == [("add", made.device.device)]


def test_what_an_offline_server_has_to_learn_waits_without_work(
    site: Site, work: WorkQueue, clock: FakeClock
) -> None:
    made = site.node()
    work.run()
    site.server.disconnect()
    removal.delete(site.fleet.caller, made.device.device)  # by 1.5.5
    work.run()
    pass_time(clock, work, 60)
    clock.advance(3599)
    assert lora_sending.sweep() == 0
    assert waiting(site) == [(made.device.device, True)]
    site.server.connect()
    waking.wake(site.server.id)
    work.run()
    assert site.learned() == [("add", made.device.device), ("delete", made.device.device)]
    assert waiting(site) == []


def test_a_node_deleted_before_it_was_told_is_only_told_to_be_gone(site: Site, work: WorkQueue) -> None:
    made = site.node()
    removal.delete(site.fleet.caller, made.device.device)
    work.run()
    assert site.learned() == [("delete", made.device.device)]
    assert waiting(site) == []


def test_two_jobs_do_not_overtake_each_other(site: Site, work: WorkQueue) -> None:
    """One is about to send when another begins."""
    one, two = site.node("1" * 16), site.node("2" * 16)
    sent_by_the_other: list[tuple[str, str]] = []

    def meanwhile(_client: str) -> None:
        site.iot.before = None
        lora_sending.deliver(site.server.id)
        sent_by_the_other.extend(site.learned())

    site.iot.before = meanwhile
    work.run()
    assert sent_by_the_other == []
    assert work.failures == []
    assert site.learned() == [("add", one.device.device), ("add", two.device.device)]


def test_a_job_that_took_long_leaves_the_rest_to_another(
    site: Site, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        site.node(f"{number:016x}")
    work.lose()
    site.iot.before = lambda _: clock.advance(15)
    lora_sending.deliver(site.server.id)
    assert len(site.learned()) == 2
    site.iot.before = None
    assert work.run() == ["lora"]
    assert len(site.learned()) == 3


def test_notices_of_a_server_that_is_deleted_go(site: Site, work: WorkQueue, clock: FakeClock) -> None:
    made = site.node()
    work.lose()
    DeviceRecord(site.server.id, DEVICE).update([DeviceRecord.deleted.set(True)])
    pass_time(clock, work, 60)
    assert waiting(site) == []
    assert site.learned() == []
    assert exists(site.fleet, made.device.device)


def test_devices_go_with_their_server(site: Site, work: WorkQueue, clock: FakeClock) -> None:
    made = [site.node("1" * 16), site.gateway("2" * 16)]
    work.run()
    told = site.learned()
    removal.delete(site.fleet.caller, site.server.id)
    assert not any(exists(site.fleet, each.device.device) for each in made)
    for _ in range(3):
        work.run()
        clock.advance(61)
        lora_sending.sweep()
    work.run()
    assert total(site.fleet) == 0
    assert list(DeviceItem.scan()) == []
    left = {alias.name.partition("#")[0] for alias in AliasRecord.scan()}
    assert not left & {"node", "eui", "mac"}
    assert site.learned() == told


def test_or_they_stay_without_a_server(site: Site, work: WorkQueue, calls: Calls) -> None:
    made = site.node()
    removal.delete(site.fleet.caller, site.server.id, cascade=False)
    device = made.device.device
    held = lora.get(site.fleet.caller, device, Role.NODE)
    assert (held.device.gateway, held.server, held.app_key) == (device, site.server.id, KEY)
    with pytest.raises(LoraServerNotFound):
        lora.delete(site.fleet.caller, device, Role.NODE)
    removal.delete(site.fleet.caller, device)
    assert AliasRecord.find(f"eui#{EUI.lower()}", site.fleet.tenant) is None


def test_each_role_and_each_owner_sees_its_own_only(site: Site, iot: FakeIot) -> None:
    node, gateway = site.node("1" * 16).device.device, site.gateway("2" * 16).device.device
    sibling = Fleet(site.fleet.tenant, "1" * 32, "", site.fleet.product)
    other = make_fleet("other")
    cases = [
        (site.fleet, node, Role.GATEWAY),
        (site.fleet, gateway, Role.NODE),
        (site.fleet, site.server.id, Role.GATEWAY),
        (site.fleet, "0" * 32, Role.NODE),
        (sibling, node, Role.NODE),
        (other, node, Role.NODE),
    ]
    for fleet, device, role in cases:
        for act in (lora.get, lora.delete):
            with pytest.raises(DeviceNotFound):
                act(fleet.caller, device, role)
    assert exists(site.fleet, node)
    assert exists(site.fleet, gateway)


def test_a_lora_device_is_not_moved_by_hand(site: Site, iot: FakeIot) -> None:
    second = add_server(
        site.fleet, iot, make_product(site.fleet.tenant, NodeType.GATEWAY, model="LS2"), "second"
    )
    node = site.node().device.device
    attempts: list[Callable[[], object]] = [
        lambda: children.attach(site.fleet.caller, second.id, node),
        lambda: children.detach(site.fleet.caller, node),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidInput, match="LoRa"):
            attempt()
    assert devices.get(site.fleet.caller, node).gateway == site.server.id


def test_a_renamed_node_keeps_its_eui(site: Site, work: WorkQueue) -> None:
    node = site.node().device.device
    DeviceRecord(node, DEVICE).update([DeviceRecord.activated.set(True), DeviceRecord.status.set("OFFLINE")])
    renewal.refresh(site.fleet.caller, node, "meter-7", None, 0)
    assert lora.get(site.fleet.caller, node, Role.NODE).eui == EUI
    with pytest.raises(LoraDeviceExists):
        site.node()


def test_a_registration_that_is_over_frees_its_eui(site: Site, work: WorkQueue, clock: FakeClock) -> None:
    node = site.node().device.device
    work.run()
    DeviceRecord(node, DEVICE).update([DeviceRecord.activated.set(True), DeviceRecord.status.set("OFFLINE")])
    renewal.refresh(site.fleet.caller, node, "meter-7", None, 60)
    clock.advance(60)
    again = site.node().device.device
    work.run()
    # the new registration was written down before the old one was found to be over
    assert site.learned() == [("add", node), ("add", again), ("delete", node)]
