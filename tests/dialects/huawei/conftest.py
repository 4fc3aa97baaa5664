import pytest

from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def app(fleet: Fleet) -> Gateway:
    """An application that has logged in."""
    return log_in(fleet)


def log_in(fleet: Fleet) -> Gateway:
    gateway = Gateway()
    form = f"appId={fleet.application}&secret={fleet.secret}"
    reply = gateway.post(
        "/iocm/app/sec/v1.1.0/login", form, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    gateway.headers = {"app_key": fleet.application, "Authorization": f"Bearer {reply.json['accessToken']}"}
    return gateway
