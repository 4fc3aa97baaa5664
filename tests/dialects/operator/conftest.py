import pytest

from chalicelib.core.operators import Scope
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway
from tests.support.operators import operator_with


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def root(aws: None) -> Gateway:
    """An operator who may do everything."""
    return operator_with(*Scope)


@pytest.fixture
def reader(aws: None) -> Gateway:
    return operator_with(Scope.READ)
