"""What one warm request costs outside AWS."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from typing import Any

ROUNDS = 300


def run() -> Iterator[str]:
    """CPU time of `get device with services` outside its one AWS call, against a bare Chalice route."""
    from moto import mock_aws

    import tests.conftest  # noqa: F401 - sets the environment of a test process
    from chalicelib.core import applications
    from infra.local.provision import provision
    from tests.dialects.huawei.conftest import log_in
    from tests.support.fleet import make_fleet

    # what a function prints goes to a pipe, not to a terminal
    with mock_aws(), open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        provision(os.environ["POLYTHING_PREFIX"])
        fleet = make_fleet()
        applications.set_rate(fleet.application, 100_000)
        app = log_in(fleet)
        body = {"deviceInfo": {"nodeId": "bench"}, "productId": fleet.product.id}
        device = app.post("/iocm/app/reg/v2.0.0/deviceCredentials", body).json["deviceId"]
        aws = _AwsTime()
        path = f"/iocm/app/dm/v1.4.0/devices/{device}"
        whole = _best(lambda: app.get(path), aws)
    floor = _best(_bare_route(), aws)
    yield f"floor (a bare route): {floor * 1e6:.0f} us"
    yield f"get device, outside AWS: {whole / floor:.1f} of the floor ({whole * 1e6:.0f} us)"


class _AwsTime:
    """Time spent inside botocore calls."""

    def __init__(self) -> None:
        from botocore.client import BaseClient

        self.spent = 0.0
        send = BaseClient._make_api_call

        def timed(client: Any, operation: str, arguments: Any) -> Any:
            start = time.process_time()
            try:
                return send(client, operation, arguments)
            finally:
                self.spent += time.process_time() - start

        BaseClient._make_api_call = timed


def _best(call: Callable[[], object], aws: _AwsTime) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        aws.spent = 0.0
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start - aws.spent)
    return best


def _bare_route() -> Callable[[], object]:
    from chalice import Chalice

    bare = Chalice(app_name="bare")

    @bare.route("/ping")
    def ping() -> dict[str, str]:
        return {"pong": "yes"}

    event = {
        "path": "/ping",
        "httpMethod": "GET",
        "headers": {},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"resourcePath": "/ping", "httpMethod": "GET", "identity": {}},
        "body": None,
        "isBase64Encoded": False,
    }
    return lambda: bare(event, None)
