"""Structured logs. Powertools is imported by the first line that is written."""

from functools import cache
from typing import Any


@cache
def logger() -> Any:
    from aws_lambda_powertools import Logger

    return Logger(service="polything")
