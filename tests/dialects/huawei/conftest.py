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
    """With a lease of flow control in hand, as a busy process has one: it lasts for nine calls."""
    gateway = Gateway()
    form = f"appId={fleet.application}&secret={fleet.secret}"
    reply = gateway.post(
        "/iocm/app/sec/v1.1.0/login", form, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    gateway.headers = {"app_key": fleet.application, "Authorization": f"Bearer {reply.json['accessToken']}"}
    assert gateway.get("/iocm/app/sub/v1.2.0/subscriptions").status == 200
    return gateway
