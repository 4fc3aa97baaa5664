"""The core of subscriptions: pairs, counts, races of deletions, several dialects."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.aws import addresses
from chalicelib.core import subscriptions
from chalicelib.core.applications import Caller
from chalicelib.core.errors import (
    CallbackRefused,
    SubscriptionExists,
    SubscriptionNotFound,
    TooManySubscriptions,
)
from chalicelib.store.subscriptions import SubscriptionCountRecord, SubscriptionRecord, counted
from tests.support.clock import FakeClock

ME = Caller("tenant", "app", "app")
STRANGER = Caller("tenant", "another", "another")
URL = "https://hooks.example:443/x"


@pytest.fixture(autouse=True)
def _public_names(aws: None) -> Iterator[None]:
    addresses.use(lambda _host, _port: ["93.184.215.14"])
    yield
    addresses.use(None)


def count(owner: str = "app", dialect: str = "huawei") -> int:
    record = SubscriptionCountRecord.find(owner, counted(dialect))
    return int(record.count_) if record else 0


def items() -> int:
    return SubscriptionRecord.count("app", SubscriptionRecord.item.between("I", "L"))


def test_a_subscription_is_two_items_and_a_count() -> None:
    made = subscriptions.create(ME, "huawei", "deviceAdded", URL)
    assert subscriptions.get(ME, "huawei", made.id) == made
    assert subscriptions.targets("app", "huawei", "deviceAdded") == [made]
    assert (items(), count()) == (2, 1)
    subscriptions.delete(ME, "huawei", made.id)
    assert subscriptions.targets("app", "huawei", "deviceAdded") == []
    assert (items(), count()) == (0, 0)


def test_a_refused_one_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    subscriptions.create(ME, "huawei", "deviceAdded", URL)
    with pytest.raises(SubscriptionExists):
        subscriptions.create(ME, "huawei", "deviceAdded", URL)
    with pytest.raises(CallbackRefused):
        subscriptions.create(ME, "huawei", "deviceAdded", "https://hooks.example/no-port")
    monkeypatch.setattr(subscriptions, "MOST", 1)
    with pytest.raises(TooManySubscriptions):
        subscriptions.create(ME, "huawei", "deviceDeleted", URL)
    assert (items(), count()) == (2, 1)


def test_types_dialects_and_owners_are_kept_apart() -> None:
    made = subscriptions.create(ME, "huawei", "deviceData", URL)
    subscriptions.create(ME, "huawei", "deviceDataChanged", URL)
    subscriptions.create(ME, "other", "deviceData", URL)
    subscriptions.create(STRANGER, "huawei", "deviceData", URL)
    assert subscriptions.targets("app", "huawei", "deviceData") == [made]
    assert subscriptions.list_page(ME, "huawei", None, 0, 10)[1] == 2
    with pytest.raises(SubscriptionNotFound):
        subscriptions.get(ME, "other", made.id)
    with pytest.raises(SubscriptionNotFound):
        subscriptions.delete(STRANGER, "huawei", made.id)
    assert subscriptions.delete_many(ME, "huawei") == 2
    assert len(subscriptions.targets("app", "other", "deviceData")) == 1


def test_bulk_deletion_beside_another_deletes_the_rest_and_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [subscriptions.create(ME, "huawei", "deviceAdded", f"{URL}/{n}") for n in range(5)]
    read = subscriptions._matching

    def while_another_deletes(*args: Any) -> list[subscriptions.Subscription]:
        found = read(*args)
        monkeypatch.setattr(subscriptions, "_matching", read)
        subscriptions.delete(ME, "huawei", made[2].id)
        return found

    monkeypatch.setattr(subscriptions, "_matching", while_another_deletes)
    subscriptions.delete_many(ME, "huawei")
    assert (items(), count()) == (0, 0)


def test_pages_come_in_order_of_creation(clock: FakeClock) -> None:
    made = []
    for number in range(7):
        clock.advance(1)
        made.append(subscriptions.create(ME, "huawei", "deviceAdded", f"{URL}/{number}"))
    for notify_type in (None, "deviceAdded"):
        pages = [subscriptions.list_page(ME, "huawei", notify_type, n, 3)[0] for n in range(4)]
        assert [one for page in pages for one in page] == made
