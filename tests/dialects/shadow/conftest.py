import pytest

from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway
from tests.support.iot import FakeIot
from tests.support.shadow_api import FREE, Client, Thing, add_thing, log_in


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def app(fleet: Fleet) -> Gateway:
    return log_in(fleet)


@pytest.fixture
def lamp(fleet: Fleet, app: Gateway) -> Thing:
    return add_thing(fleet, app)


@pytest.fixture
def free(fleet: Fleet, app: Gateway) -> Thing:
    """Its product has no thing model: it may report and be sent anything."""
    return add_thing(fleet, app, FREE)


@pytest.fixture
def client(lamp: Thing, iot: FakeIot) -> Client:
    made = Client(lamp, iot)
    made.connect()
    return made
