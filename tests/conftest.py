"""What all tests share: a settable clock, AWS by moto, a tenant, and a count of AWS calls."""

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
    POLYTHING_PREFIX="polything-test",
    POLYTHING_DATA_KEY="local:" + base64.b64encode(b"k" * 32).decode(),
    POLYTHING_QUEUE_BASE="https://sqs.us-east-1.amazonaws.com/123456789012",
    POLYTHING_PACKAGES="polything-test-packages-123456789012-us-east-1",
    POWERTOOLS_METRICS_NAMESPACE="polything",
)

from tests.support import rights, rights_gate
from tests.support.clock import FakeClock
from tests.support.iot import FakeIot
from tests.support.queues import WorkQueue

rights.record()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands over which AWS calls the functions made; the run's own process judges them."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["rights"] = rights.lines(rights.made)
    else:
        rights_gate.finish(session)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    rights.add(getattr(node, "workeroutput", {}).get("rights", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rights_gate.report(terminalreporter)


@pytest.fixture
def clock() -> Iterator[FakeClock]:
    """A clock that stands until a test moves it."""
    from chalicelib.core import clock as core_clock

    fake = FakeClock(1_700_000_000_000)
    core_clock.use(fake, fake.wait)
    yield fake
    core_clock.use(None)


@pytest.fixture
def aws(clock: FakeClock) -> Iterator[None]:
    """An empty AWS account with the data stack in it."""
    from moto import mock_aws

    from tests.support.account import furnish
    from tests.support.process import forget_everything

    with mock_aws():
        forget_everything()
        furnish()
        yield
    forget_everything()


@pytest.fixture
def iot(aws: None) -> FakeIot:
    """IoT Core's data plane, with no client connected."""
    from chalicelib.handlers import wiring

    wiring.wire()
    fake = FakeIot()
    fake.install()
    return fake


@pytest.fixture
def work(aws: None, clock: FakeClock) -> WorkQueue:
    return WorkQueue(clock)


@dataclass
class Calls:
    """The AWS calls made since the fixture or the last `clear`, as "service.Operation"."""

    made: list[str] = field(default_factory=list)

    def clear(self) -> None:
        self.made.clear()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    from botocore.client import BaseClient

    counted = Calls()
    send = BaseClient._make_api_call

    def count(self: BaseClient, operation: str, arguments: object) -> object:
        counted.made.append(f"{self.meta.service_model.service_name}.{operation}")
        return send(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", count)
    return counted
