import pytest

from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway
from tests.support.xlink import key_caller


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def app(fleet: Fleet) -> Gateway:
    """A program that has logged in with an access key, with a lease of flow control in hand."""
    gateway = key_caller(fleet)
    assert gateway.get("/v2/products").status == 200
    return gateway
