"""Structured logs: one JSON line each, with what is being worked on.

Only declared fields are written, and text goes through the redaction: a secret that is handed to the
log by mistake does not get into it. Powertools is imported by the first line that is written.
"""

from functools import cache
from typing import Any

from . import context, redaction

# What a line may say beside level, message and the context; each is told in docs/architecture.md.
FIELDS = frozenset(
    {
        "added",
        "automation",
        "batch",
        "caller",
        "code",
        "count",
        "event",
        "failures",
        "http_status",
        "import",
        "known",
        "message_id",
        "notify_type",
        "outcome",
        "owner",
        "part",
        "parts",
        "reason",
        "services",
        "source",
        "subscription",
        "sweep",
        "target",
        "tries",
        "values",
    }
)
_OWN = ("level", "location", "message", "timestamp", "service", "exception", "exception_name")
_ALLOWED = frozenset({*_OWN, *FIELDS, *context.FIELDS, "xray_trace_id"})


@cache
def logger() -> Any:
    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

    class Redacting(LambdaPowertoolsFormatter):
        def serialize(self, log: Any) -> str:
            return super().serialize(redaction.fields({**context.current(), **log}, _ALLOWED))

    formatter = Redacting(serialize_stacktrace=False)  # the traceback is in `exception`
    return Logger(service="polything", logger_formatter=formatter)
