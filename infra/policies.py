"""What each Lambda function may do: `python -m infra.policies` writes .chalice/policy-*.json.

One table says it all, so that a stage cannot drift from another. Resources are named by the
stage's prefix; the edge stack's topics and connections by kind.
"""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / ".chalice"
STAGES = ("dev", "prod")
READ = ("GetItem", "BatchGetItem", "Query")
WRITE = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "ConditionCheckItem")
KEEP_LOGS = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "arn:aws:logs:*:*:*",
}
CORE_TABLES = [
    "accounts",
    "aliases",
    "applications",
    "authorizations",
    "automations",
    "batches",
    "commands",
    "counters",
    "cursors",
    "deliveries",
    "devices",
    "firmwares",
    "groups",
    "history",
    "jobs",
    "keyring",
    "keys",
    "operations",
    "outbox",
    "packages",
    "products",
    "receipts",
    "sessions",
    "subscriptions",
    "targets",
    "tasks",
    "tenants",
    "throttles",
    "tokens",
    "upgrades",
]
# of the packages' bucket: a signed URL can do what its signer may
FILES = {"api_handler": ("DeleteObject", "GetObject", "PutObject"), "work": ("GetObject",)}

APPENDED = {"api_handler": ["audit"]}  # what operators did is listed and added to, never deleted
WRITTEN = {"deliver": ["deliveries"], "redeliver": ["deliveries"]}  # a batch at a time, never read
# Failure queues are filled by Lambda itself, with the function's rights.
# function: (tables read and written, tables only read, queues sent to, queues consumed, talks to devices)
GRANTS: dict[str, tuple[list[str], list[str], list[str], list[str], bool]] = {
    "api_handler": ([*CORE_TABLES, "operators"], [], ["callback-retries", "work"], [], True),
    "authorizer": (["sessions", "devices"], ["aliases", "keyring"], [], [], False),
    "ingest": (
        ["counters", "devices", "history", "outbox", "commands", "batches", "upgrades", "receipts"],
        ["sessions", "products"],
        ["work", "ingest-failures"],
        [],
        True,
    ),
    "presence": (
        ["counters", "devices", "outbox"],
        ["sessions", "products"],
        ["work", "ingest-failures"],
        [],
        True,
    ),
    "dispatch": (
        ["automations"],
        ["applications", "subscriptions", "outbox", "products"],
        ["callbacks.fifo", "forwarded.fifo", "callback-retries", "callback-dlq", "work", "dispatch-failures"],
        [],
        False,
    ),
    "deliver": (
        ["targets"],
        ["authorizations", "keyring", "subscriptions"],
        ["callback-retries", "callback-dlq"],
        ["callbacks.fifo"],
        False,
    ),
    "redeliver": (
        ["targets"],
        ["authorizations", "keyring", "subscriptions"],
        ["callback-retries", "callback-dlq"],
        ["callback-retries"],
        False,
    ),
    "work": (CORE_TABLES, [], ["callback-retries", "work"], ["callback-dlq", "work"], True),
    "sweep": (CORE_TABLES, [], ["work"], [], True),
}


def policy(stage: str, function: str) -> dict[str, Any]:
    written, read, sent, consumed, devices = GRANTS[function]
    prefix = f"polything-{stage}"
    statements: list[dict[str, Any]] = [KEEP_LOGS]
    for names, actions in (
        (written, (*READ, *WRITE)),
        (read, READ),
        (APPENDED.get(function), ("Query", "PutItem")),
        (WRITTEN.get(function), ("BatchWriteItem",)),
    ):
        if names:
            statements.append(_tables(prefix, names, actions))
    if sent:
        statements.append(_queues(prefix, sent, ("SendMessage",)))
    if consumed:
        actions = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
        statements.append(_queues(prefix, consumed, actions))
    if function == "dispatch":
        statements.append(_stream(prefix))
    if function in FILES:
        statements.append(_files(prefix, FILES[function]))
    if devices:
        statements.append(
            {
                "Effect": "Allow",
                "Action": ["iot:SendDirectMessage", "iot:DeleteConnection"],
                "Resource": ["arn:aws:iot:*:*:client/*", "arn:aws:iot:*:*:topic/*"],
            }
        )
    actions = ["kms:Decrypt"]
    if "keyring" in written:  # the first secret of a stage needs a data key
        actions.append("kms:GenerateDataKeyWithoutPlaintext")
    statements.append({"Effect": "Allow", "Action": actions, "Resource": "arn:aws:kms:*:*:key/*"})
    return {"Version": "2012-10-17", "Statement": statements}


def _tables(prefix: str, names: list[str], actions: tuple[str, ...]) -> dict[str, Any]:
    tables = [f"arn:aws:dynamodb:*:*:table/{prefix}-{name}" for name in names]
    return {
        "Effect": "Allow",
        "Action": [f"dynamodb:{action}" for action in actions],
        "Resource": [*tables, *(f"{table}/index/*" for table in tables)],
    }


def _queues(prefix: str, names: list[str], actions: tuple[str, ...]) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": [f"sqs:{action}" for action in actions],
        "Resource": [f"arn:aws:sqs:*:*:{prefix}-{name}" for name in names],
    }


def _files(prefix: str, actions: tuple[str, ...]) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": [f"s3:{action}" for action in actions],
        "Resource": [f"arn:aws:s3:::{prefix}-packages-*/*"],
    }


def _stream(prefix: str) -> dict[str, Any]:
    actions = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    return {
        "Effect": "Allow",
        "Action": [f"dynamodb:{action}" for action in actions],
        "Resource": [f"arn:aws:dynamodb:*:*:table/{prefix}-outbox/stream/*"],
    }


def path(stage: str, function: str) -> Path:
    return FOLDER / f"policy-{stage}-{function}.json"


def text(stage: str, function: str) -> str:
    return json.dumps(policy(stage, function), indent=2) + "\n"


def main() -> None:
    for stage in STAGES:
        for function in GRANTS:
            path(stage, function).write_text(text(stage, function))


if __name__ == "__main__":
    main()
