"""Which AWS calls each Lambda function makes, as the tests run them.

Every call that botocore makes is put down to the function whose handler is on the stack, as the actions and
resources that IAM knows: a transaction is the actions of its items. What tests call without a handler
belongs to no function and is not noted.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Right = tuple[str, str, str]  # function, action, table or queue or "*"

PREFIXES = ("polything-test-", "polything-local-", "polything-dev-")
HANDLERS = {  # by file and function of the handler
    ("http", "serve"): ("api_handler",),
    ("authorizer", "authorize"): ("authorizer",),
    ("iot", "ingest"): ("ingest",),
    ("iot", "presence"): ("presence",),
    ("outbox", "dispatch"): ("dispatch",),
    ("queues", "deliver"): ("deliver+redeliver",),  # one handler, each function with its own queue
    ("queues", "work"): ("work",),
    ("schedules", "sweep"): ("sweep",),
}
SINGLE = {"SendMessageBatch": "SendMessage", "DeleteMessageBatch": "DeleteMessage"}
WRITES = {kind: f"{kind}Item" for kind in ("Put", "Update", "Delete", "ConditionCheck")}

made: set[Right] = set()


def functions() -> tuple[str, ...]:
    """The functions whose handler called; none where a test did."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if "/chalicelib/handlers/" in name:
            found = HANDLERS.get((name.rpartition("/")[2].removesuffix(".py"), frame.f_code.co_name))
            if found:
                return found
        frame = frame.f_back  # type: ignore[assignment]
    return ()


def rights(service: str, operation: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Actions and resources of one call."""
    if service == "dynamodb":
        yield from _tables(operation, given)
    elif service == "sqs":
        queue = str(given.get("QueueUrl") or "*").rpartition("/")[2]
        yield f"sqs:{SINGLE.get(operation, operation)}", _short(queue)
    elif service == "s3":
        yield f"s3:{'GetObject' if operation == 'HeadObject' else operation}", "packages"
    elif service == "iot-data":
        yield f"iot:{operation}", "*"
    else:
        yield f"{service}:{operation}", "*"


def _tables(operation: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if operation == "TransactWriteItems":
        for item in given["TransactItems"]:
            for kind, write in item.items():
                yield f"dynamodb:{WRITES[kind]}", _short(write["TableName"])
    elif "RequestItems" in given:
        for table in given["RequestItems"]:
            yield f"dynamodb:{operation}", _short(table)
    else:
        yield f"dynamodb:{operation}", _short(str(given.get("TableName") or "*"))


def _short(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def record() -> None:
    """Note every call of this process from now on."""
    from botocore.client import BaseClient

    send = BaseClient._make_api_call

    def noted(self: Any, operation: str, given: Any) -> Any:
        callers = functions()
        if callers:
            service = self.meta.service_model.service_name
            for action, resource in rights(service, operation, given):
                made.update((caller, action, resource) for caller in callers)
        return send(self, operation, given)

    BaseClient._make_api_call = noted


def keep(root: Path) -> None:
    """Write down what was noted; `tests.rights` reads it."""
    if made:
        folder = root / ".pytest_cache"
        folder.mkdir(exist_ok=True)
        write(folder / "rights.json")


def write(path: Path) -> None:
    path.write_text(json.dumps(sorted(made)), encoding="utf-8")


def add(path: Path) -> None:
    """Take over what another process wrote down."""
    if path.exists():
        made.update(tuple(each) for each in json.loads(path.read_text(encoding="utf-8")))
