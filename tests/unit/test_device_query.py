"""What the devices of a product are selected and sorted by."""

import pytest

from chalicelib.core.device_query import (
    Condition,
    Field,
    Operator,
    Order,
    Selection,
    Sorter,
    attributes,
    matches,
    narrowed,
    value,
    version_number,
)
from chalicelib.core.devices import ABNORMAL_AFTER
from chalicelib.store.devices import DEVICE, DeviceRecord
from chalicelib.store.walks import Walk
from tests.support.clock import FakeClock

pytestmark = pytest.mark.usefixtures("clock")


def record(device: str = "d", **more: object) -> DeviceRecord:
    given = {"number": 12, "mac_key": "0123456789AB", "status": "INACTIVE", "activated": False, "created": 5}
    return DeviceRecord(device, DEVICE, **(given | more))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("7", 7), ("007", 7), ("0", 0), ("2147483647", 2147483647), ("2147483648", 0), ("9" * 400, 0)),
        *((None, 0), ("", 0), ("V1.2", 0), ("1.2", 0), ("-1", 0), ("1e3", 0), ("\u0663", 0), (" 1", 0)),
    ],
)
def test_a_version_is_a_number_where_its_text_is_one(text: str | None, number: int) -> None:
    assert version_number(text) == number


@pytest.mark.parametrize(
    ("operator", "wanted", "holds"),
    [
        (Operator.EQUAL, 12, True),
        (Operator.EQUAL, 13, False),
        (Operator.IN, (1, 12), True),
        (Operator.IN, (), False),
        (Operator.LESS, 12, False),
        (Operator.LESS, 13, True),
        (Operator.AT_MOST, 12, True),
        (Operator.AT_MOST, 11, False),
        (Operator.MORE, 12, False),
        (Operator.MORE, 11, True),
        (Operator.AT_LEAST, 12, True),
        (Operator.AT_LEAST, 13, False),
        (Operator.LIKE, "12", True),
        (Operator.LIKE, "2", True),
        (Operator.LIKE, "3", False),
    ],
)
def test_operators(operator: Operator, wanted: object, holds: bool) -> None:
    assert matches(record(), [Condition(Field.NUMBER, operator, wanted)]) is holds


def test_a_text_to_look_for_is_no_pattern() -> None:
    for text in (".*", "0.2", "[0-9]", "%", "_", "\\d", "$", "("):
        assert not matches(record(), [Condition(Field.MAC, Operator.LIKE, text)]), text
    assert matches(record(), [Condition(Field.MAC, Operator.LIKE, "345")])


def test_all_conditions_hold_together() -> None:
    both = [Condition(Field.NUMBER, Operator.MORE, 10), Condition(Field.NUMBER, Operator.LESS, 12)]
    assert not matches(record(), both)
    assert matches(record(number=11), both)
    assert matches(record(), [])


def test_a_device_that_has_been_silent_for_a_day_is_not_online(clock: FakeClock) -> None:
    online = record(status="ONLINE", last_seen=clock.at)
    assert value(online, Field.ONLINE) is True
    clock.advance(ABNORMAL_AFTER / 1000)
    assert value(online, Field.ONLINE) is False


def test_what_is_absent_is_empty() -> None:
    bare = DeviceRecord("d", DEVICE, status="INACTIVE")
    found = {field: value(bare, field) for field in Field}
    assert {type(each) for each in found.values()} == {int, str, bool}
    assert not any(found.values())


def test_the_first_order_counts_most_and_equals_stay_as_they_came() -> None:
    sorter = Sorter([Order(Field.FIRMWARE, descending=True), Order(Field.NAME)])
    for device, version, name in [
        *(("a", "1", "z"), ("b", "10", "y"), ("c", "9", "x"), ("d", "10", "x")),
        *(("e", "9", "x"), ("f", "text", None)),
    ]:
        sorter.add(record(device, fw_version=version, name=name))
    assert sorter.sorted() == ["d", "b", "c", "e", "a", "f"]
    assert len(sorter) == 6


def test_without_an_order_they_stay_as_they_came() -> None:
    sorter = Sorter([])
    for device in "bca":
        sorter.add(record(device))
    assert sorter.sorted() == ["b", "c", "a"]


@pytest.mark.parametrize("operator", list(Operator))
@pytest.mark.parametrize("field", [Field.NUMBER, Field.MAC, Field.FIRMWARE, Field.ONLINE])
def test_what_dynamodb_is_asked_for_is_never_less(aws: None, field: Field, operator: Operator) -> None:
    """The walk brings every device that meets the condition, and with it all that is asked of it."""
    made = [
        record(
            f"d{at}", number=at, mac_key=f"{at:012X}", fw_version=str(at), product="p", listing=f"l{at:02}"
        )
        for at in range(12)
    ]
    made += [record("f", product="p", listing="m"), record("g", product="p", listing="n", fw_version="x")]
    for at, each in enumerate(made):
        if at % 3:
            each.status, each.last_seen = "ONLINE", 1_700_000_000_000 - (at % 3 - 1) * ABNORMAL_AFTER
        given = {"tenant": "t", "owner": "o", "gateway": each.device, "node_type": "ENDPOINT"}
        given |= {"node_id": each.device, "status_detail": "", "modified": 0, "registration": "code"}
        for name, text in given.items():
            setattr(each, name, text)
        each.save()
    values: list[object] = {
        Field.NUMBER: [0, 5, 12, -1, 10**17],
        Field.MAC: ["000000000005", "", "5", "FF"],
        Field.FIRMWARE: [0, 5, 10],
        Field.ONLINE: [True, False],
    }[field]
    for wanted in values:
        given_value = (
            (wanted,) if operator is Operator.IN else str(wanted) if operator is Operator.LIKE else wanted
        )
        conditions = (Condition(field, operator, given_value),)
        walk = Walk(
            DeviceRecord,
            "p",
            DeviceRecord.listing,
            index="by_product",
            holds=narrowed(conditions),
            attributes=("device", *sorted(attributes(Selection(conditions)))),
        )
        found = [each.device for some in walk.facts() for each in some if matches(each, conditions)]
        assert found == [each.device for each in made if matches(each, conditions)], (wanted, found)
