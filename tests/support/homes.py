"""A person's home with lamps in it, and calls about it as an app makes them."""

from dataclasses import dataclass
from typing import Any

from chalicelib.core import bindings, products
from chalicelib.core.products import Product
from chalicelib.store.products import ProductRecord
from tests.support import things
from tests.support.clock import FakeClock
from tests.support.feiyan import Program, Someone, app_of, someone
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot
from tests.support.things import Lamp

VERSIONS = {
    "/living/home/create": "1.1.0",
    "/living/home/delete": "1.0.0",
    "/living/home/update": "1.1.0",
    "/living/home/current/update": "1.0.0",
    "/living/home/get": "1.1.0",
    "/living/home/query": "1.1.0",
    "/living/home/element/query": "1.0.6",
    "/living/home/element/reorder": "1.0.0",
    "/living/home/device/reorder": "1.0.0",
    "/living/home/room/create": "1.0.1",
    "/living/home/room/delete": "1.0.0",
    "/living/home/room/update": "1.0.1",
    "/living/home/room/get": "1.0.1",
    "/living/home/room/query": "1.0.1",
    "/living/home/room/device/query": "1.0.2",
    "/living/home/device/query": "1.0.2",
    "/living/home/room/device/reorder": "1.0.0",
    "/living/home/room/order/refresh": "1.0.0",
    "/living/home/device/move": "1.0.0",
    "/living/home/room/device/full/update": "1.0.0",
    "/living/home/controlgroup/create": "1.0.3",
    "/living/home/controlgroup/delete": "1.0.1",
    "/living/home/controlgroup/batch/delete": "1.0.1",
    "/living/home/controlgroup/update": "1.0.0",
    "/living/home/controlgroup/get": "1.0.1",
    "/living/home/controlgroup/query": "1.0.1",
    "/living/home/controlgroup/device/query": "1.0.4",
    "/living/home/controlgroup/device/full/update": "1.0.0",
    "/living/home/controlgroup/product/query": "1.0.1",
    "/living/home/controlgroup/reorder": "1.0.0",
    "/living/controlgroup/properties/set": "1.0.1",
    "/living/controlgroup/service/invoke": "1.0.1",
    "/living/home/controlgroup/mesh/preupdate": "1.0.0",
}
FIRST = {"pageNo": 1, "pageSize": 20}


@dataclass
class House:
    """Alice, her home, and four lamps in it, of which two are connected; and Bob, who has none of it."""

    fleet: Fleet
    app: Program
    iot: FakeIot
    clock: FakeClock
    alice: Someone
    bob: Someone
    product: Product
    lamps: list[Lamp]
    home: str = ""

    def ask(self, what: str, who: Someone | None = None, **params: Any) -> Any:
        path = f"/living/{what}"
        return self.app.ok(path, VERSIONS[path], params, user=(who or self.alice).token)

    def code(self, what: str, who: Someone | None = None, **params: Any) -> int:
        path = f"/living/{what}"
        return self.app.code(path, VERSIONS[path], params, user=(who or self.alice).token)

    def add(self, name: str, who: Someone | None = None, product: Product | None = None) -> Lamp:
        lamp = things.add_lamp(self.fleet, self.iot, name, product or self.product)
        self.clock.advance(1)
        bindings.bind(self.fleet.caller, (who or self.alice).id, lamp.id)
        return lamp

    def rooms(self) -> dict[str, list[str]]:
        """Names of lamps by room."""
        found = self.ask("home/room/query", homeId=self.home, **FIRST)["items"]
        return {each["name"]: self.names("home/room/device/query", roomId=each["roomId"]) for each in found}

    def names(self, what: str, **params: Any) -> list[str]:
        found = self.ask(what, **{"homeId": self.home, **FIRST, **params})
        return [each["deviceName"] for each in found["items"]]


def make_house(iot: FakeIot, clock: FakeClock) -> House:
    fleet = make_fleet()
    product = things.make_lamp_product(fleet.tenant)
    alice, bob = someone(fleet, "alice"), someone(fleet, "bob")
    made = House(fleet, app_of(fleet), iot, clock, alice, bob, product, [])
    made.home = made.ask("home/create", name="xxx的别墅")
    made.lamps = [made.add(f"lamp-{number}") for number in range(4)]
    for lamp in made.lamps[:2]:
        lamp.connect()
        lamp.report(power=True, brightness=7)
    return made


def with_facts(house: House, **facts: Any) -> None:
    """Give the lamps' product facts that its maker has not written down."""
    ProductRecord(house.product.id).update([getattr(ProductRecord, k).set(v) for k, v in facts.items()])
    products.forget()
