import pytest

from tests.support.feiyan import Program, Someone, app_of, cloud_of, someone
from tests.support.fleet import Fleet, make_fleet


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def app(fleet: Fleet) -> Program:
    return app_of(fleet)


@pytest.fixture
def cloud(fleet: Fleet) -> Program:
    return cloud_of(fleet)


@pytest.fixture
def alice(fleet: Fleet) -> Someone:
    return someone(fleet, "alice")


@pytest.fixture
def bob(fleet: Fleet) -> Someone:
    return someone(fleet, "bob")
