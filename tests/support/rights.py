"""Which AWS calls each Lambda function makes, as the tests run them.

Every call that botocore makes is put down to the function whose handler is on the stack, or, where a test
calls core directly, to the function of ours that the test called: `tests.rights` knows which of those are
work of a Lambda function. It is noted as the actions and resources that IAM knows: a transaction is the
actions of its items.

Secrets need KMS and the keyring, which tests are spared by a local key: who encrypts or decrypts is noted as
calling them.

What a test does in the middle of a call (a race let in, a device's answer) is not the call's: on the way
outwards from botocore the first frame of a test ends the search. Only what wraps botocore's own method, to
count calls or to make them fail, is passed over, and no other call than the one wrapped.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, wraps
from pathlib import Path
from types import FrameType
from typing import Any

Right = tuple[str, str, str]  # function, action, table, index, queue or "*"

TESTS = str(Path(__file__).resolve().parents[1]) + "/"
OURS = "/chalicelib/"
PREFIXES = ("polything-test-", "polything-local-", "polything-dev-")
SHARED = "+"  # between functions of one handler: which of them it was, the stack does not tell
HANDLERS = {  # by file and function of the handler
    ("handlers/http.py", "serve"): "api_handler",
    ("handlers/authorizer.py", "authorize"): "authorizer",
    ("handlers/iot.py", "ingest"): "ingest",
    ("handlers/iot.py", "presence"): "presence",
    ("handlers/outbox.py", "dispatch"): "dispatch",
    ("handlers/queues.py", "deliver"): f"deliver{SHARED}redeliver",
    ("handlers/queues.py", "work"): "work",
    ("handlers/schedules.py", "sweep"): "sweep",
}
SINGLE = {"SendMessageBatch": "SendMessage", "DeleteMessageBatch": "DeleteMessage"}
ITEMS = {kind: f"{kind}Item" for kind in ("Get", "Put", "Update", "Delete")} | {
    "ConditionCheck": "ConditionCheckItem"
}
OPEN = (("kms:Decrypt", "*"), ("dynamodb:GetItem", "keyring"))
MAKE = (("kms:GenerateDataKeyWithoutPlaintext", "*"), ("dynamodb:PutItem", "keyring"))
SECRETS = {"decrypt": OPEN, "encrypt": (*OPEN, *MAKE)}  # tests have a key that needs neither KMS nor keyring

made: set[Right] = set()


def caller(operation: str, frame: FrameType | None) -> str | None:
    """Who makes the call whose innermost frame this is: a function, or "core/module.py name" where a test
    called that; None for a test's own.
    """
    frame, wrapped = _unwrapped(frame)
    if wrapped and frame is not None and frame.f_locals.get("operation_name") != operation:
        return None  # a wrapper's own call, a look at the table say
    called = None
    while frame is not None:
        code = frame.f_code
        if code is _run.__code__:
            return frame.f_locals["who"] or called
        ours = _ours(code.co_filename)
        if ours is None:
            return called
        if ours:
            function = HANDLERS.get((ours, code.co_name))
            if function is not None:
                return function
            called = f"{ours} {code.co_qualname}"
        frame = frame.f_back
    return called


def _unwrapped(frame: FrameType | None) -> tuple[FrameType | None, bool]:
    """The first frame outwards that is no test's: botocore's or PynamoDB's, which names the operation."""
    wrapped = False
    while frame is not None and _ours(frame.f_code.co_filename) is None:
        frame, wrapped = frame.f_back, True
    return frame, wrapped


@cache
def _ours(file: str) -> str | None:
    """The path within chalicelib; "" for other people's code and the local cloud; None for tests."""
    if file.startswith(TESTS):
        return None
    return file.rpartition(OURS)[2] if OURS in file else ""


def rights(service: str, operation: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Actions and resources of one call."""
    if service == "dynamodb":
        yield from _tables(operation, given)
    elif service == "sqs":
        queue = str(given.get("QueueUrl") or "*").rpartition("/")[2]
        yield f"sqs:{SINGLE.get(operation, operation)}", _short(queue)
    elif service == "sns":
        yield f"sns:{operation}", _short(str(given.get("TopicArn") or "*").rpartition(":")[2])
    elif service == "s3":
        yield f"s3:{'GetObject' if operation == 'HeadObject' else operation}", "packages"
    elif service == "iot-data":
        yield f"iot:{operation}", "*"
    else:
        yield f"{service}:{operation}", "*"


def _tables(operation: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "TransactItems" in given:
        for item in given["TransactItems"]:
            for kind, one in item.items():
                yield f"dynamodb:{ITEMS[kind]}", _short(one["TableName"])
    elif "RequestItems" in given:
        for table in given["RequestItems"]:
            yield f"dynamodb:{operation}", _short(table)
    else:
        table = _short(str(given.get("TableName") or "*"))
        index = given.get("IndexName")
        yield f"dynamodb:{operation}", f"{table}/index/{index}" if index else table


def _short(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def record() -> None:
    """Note every call of this process from now on, also those of threads that a pool of it runs."""
    from botocore.client import BaseClient

    send, submit = BaseClient._make_api_call, ThreadPoolExecutor.submit

    def noted(self: Any, operation: str, given: Any) -> Any:
        who = caller(operation, sys._getframe(1))
        if who is not None:
            service = self.meta.service_model.service_name
            made.update((who, *right) for right in rights(service, operation, given))
        return send(self, operation, given)

    def submitted(self: Any, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        return submit(self, _run, caller("", sys._getframe(1)), work, *given, **named)

    from chalicelib.aws import encryption

    BaseClient._make_api_call = noted
    for name, needs in SECRETS.items():
        setattr(encryption, name, _noting(getattr(encryption, name), needs))
    ThreadPoolExecutor.submit = submitted  # type: ignore[method-assign,assignment]


def _noting(work: Callable[..., Any], needs: Iterable[tuple[str, str]]) -> Callable[..., Any]:
    @wraps(work)
    def noted(*given: Any, **named: Any) -> Any:
        who = caller("", sys._getframe(1))
        if who is not None:
            made.update((who, *right) for right in needs)
        return work(*given, **named)

    return noted


def _run(who: str | None, work: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """What a pool's thread runs; `who` started it."""
    return work(*given, **named)


def lines(made: Iterable[Right]) -> list[str]:
    """As another process or a file can take them over."""
    return sorted("\t".join(right) for right in made)


def add(text: Iterable[str]) -> None:
    """Take over what another process noted."""
    made.update(tuple(line.split("\t")) for line in text)  # type: ignore[misc]
