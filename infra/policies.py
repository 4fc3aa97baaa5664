"""What each Lambda function may do: `python -m infra.policies` writes .chalice/policy-*.json.

`infra/grants.py` says it, so that a stage cannot drift from another. Resources are named by the
stage's prefix; the edge stack's topics and connections by kind.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from infra.grants import ACTIONS, DEVICES, FILES, GRANTS, KEYS, SENT, TAKEN, TOPICS

FOLDER = Path(__file__).parent.parent / ".chalice"
STAGES = ("dev", "prod")
KEEP_LOGS = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": ["arn:aws:logs:*:*:*"],
}
STREAM = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")  # read by Lambda for dispatch


def policy(stage: str, function: str) -> dict[str, Any]:
    prefix = f"polything-{stage}"
    statements = [KEEP_LOGS, *_tables(prefix, GRANTS[function])]
    if function in SENT:
        statements.append(_queues(prefix, SENT[function], ("SendMessage",)))
    for queue, actions in TAKEN.get(function, {}).items():
        statements.append(_queues(prefix, (queue,), actions))
    if function == "dispatch":
        stream = f"arn:aws:dynamodb:*:*:table/{prefix}-outbox/stream/*"
        statements.append(_allow("dynamodb", STREAM, [stream]))
    if function in TOPICS:
        topics = [f"arn:aws:sns:*:*:{prefix}-{name}" for name in TOPICS[function]]
        statements.append(_allow("sns", ("Publish",), topics))
    if function in FILES:
        statements.append(_allow("s3", FILES[function], [f"arn:aws:s3:::{prefix}-packages-*/*"]))
    if function in DEVICES:
        devices = ["arn:aws:iot:*:*:client/*", "arn:aws:iot:*:*:topic/*"]
        statements.append(_allow("iot", DEVICES[function], devices))
    if function in KEYS:
        statements.append(_allow("kms", KEYS[function], ["arn:aws:kms:*:*:key/*"]))
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(service: str, actions: tuple[str, ...], resources: list[str]) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": [f"{service}:{action}" for action in actions],
        "Resource": resources,
    }


def _tables(prefix: str, tables: dict[str, str]) -> list[dict[str, Any]]:
    """A statement for each set of actions: the whole policy has to be short."""
    together: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for table, words in tables.items():
        arn = f"arn:aws:dynamodb:*:*:table/{prefix}-{table}"
        allowed = words.split()
        actions = tuple(action for word, action in ACTIONS.items() if word in allowed)
        if actions:
            together[actions].append(arn)
        for index in sorted(set(allowed) - set(ACTIONS)):
            together["Query",].append(f"{arn}/index/{index}")
    return [_allow("dynamodb", actions, resources) for actions, resources in sorted(together.items())]


def _queues(prefix: str, names: tuple[str, ...], actions: tuple[str, ...]) -> dict[str, Any]:
    return _allow("sqs", actions, [f"arn:aws:sqs:*:*:{prefix}-{name}" for name in names])


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
