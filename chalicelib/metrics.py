"""Metrics in CloudWatch's embedded format: a line on standard output, which CloudWatch reads.

The line is written here, for importing Powertools' metrics would cost a cold start 60 ms and each
request writes one. Every line also carries what was being worked on, so a request's line is its access log.
The namespace is the prefix: two stages of one account do not mix.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter

from . import context
from .core import clock
from .settings import settings

COUNT, MILLISECONDS = "Count", "Milliseconds"
OF_REQUESTS = ("Requests", "Latency", "ClientErrors", "ServerErrors")
OF_JOBS = ("Jobs", "JobTime", "JobErrors")
NONE: Sequence[str] = ()
TAKEN, SERVER_ERROR = 202, 500


def count(name: str, amount: int = 1, **dimensions: str) -> None:
    """Add to a metric. Dimensions have few values: each combination is a metric that AWS bills."""
    _write({name: (amount, COUNT)}, [list(dimensions)], dimensions)


def gauge(name: str, value: int) -> None:
    """How many there are now."""
    _write({name: (value, COUNT)}, [NONE], {})


def request(dialect: str, operation: str, status: int, ms: float) -> None:
    """A request was answered: of all, of its dialect, of its operation.

    An error that the context names counts as the caller's below status 500, whatever the status says:
    some systems answer errors with 200. A metric of errors is written where there is one, for
    AWS bills each that is.
    """
    values: dict[str, tuple[float, str]] = {"Requests": (1, COUNT), "Latency": (round(ms, 1), MILLISECONDS)}
    if status >= SERVER_ERROR:
        values["ServerErrors"] = (1, COUNT)
    elif "error" in context.current():
        values["ClientErrors"] = (1, COUNT)
    dimensions = {"dialect": dialect, "operation": operation}
    _write(values, [NONE, ["dialect"], ["dialect", "operation"]], dimensions, {"status": status})


@contextmanager
def job(name: str) -> Iterator[None]:
    """A background job: that it ran, that it failed, how long it took."""
    began, failed = perf_counter(), True
    try:
        yield
        failed = False
    finally:
        ms = round((perf_counter() - began) * 1000, 1)
        values = {"Jobs": (1, COUNT), "JobTime": (ms, MILLISECONDS)}
        if failed:
            values["JobErrors"] = (1, COUNT)
        _write(values, [["job"]], {"job": name})


def _write(
    values: Mapping[str, tuple[float, str]],
    sets: Sequence[Sequence[str]],
    dimensions: Mapping[str, str],
    properties: Mapping[str, object] | None = None,
) -> None:
    declared = [{"Name": name, "Unit": unit} for name, (_, unit) in values.items()]
    line = {
        "_aws": {
            "Timestamp": clock.now(),
            "CloudWatchMetrics": [
                {"Namespace": settings().prefix, "Dimensions": sets, "Metrics": declared},
            ],
        },
        **context.current(),
        **(properties or {}),
        **dimensions,
        **{name: value for name, (value, _) in values.items()},
    }
    # one write, so that lines of several threads do not mix
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
