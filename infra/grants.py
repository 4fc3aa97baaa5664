"""What each Lambda function may do, and why where no test sees it done. `infra/policies.py` writes it down.

`make test` fails where a function calls what it may not, or may what it never calls (`tests/rights.py`);
`python -m tests.rights --table` prints GRANTS as the last whole run would have it.
"""

from typing import NamedTuple

ACTIONS = {  # DynamoDB's, by the words of GRANTS
    "get": "GetItem",
    "get-many": "BatchGetItem",
    "query": "Query",
    "scan": "Scan",
    "put": "PutItem",
    "update": "UpdateItem",
    "delete": "DeleteItem",
    "put-many": "BatchWriteItem",
    "check": "ConditionCheckItem",
}

# By function and table: actions, and the indexes that may be queried.
GRANTS: dict[str, dict[str, str]] = {
    "api_handler": {
        "accounts": "get get-many query put update delete put-many check by_tenant",
        "aliases": "get get-many query put update delete put-many check",
        "applications": "get get-many query put update delete put-many check by_tenant",
        "audit": "query put",
        "authorizations": "get get-many query put update delete put-many check",
        "automations": "get get-many query put update delete put-many check by_owner",
        "batches": "get get-many query put update delete put-many check",
        "codes": "get get-many query put update delete put-many check",
        "commands": "get get-many query put update delete put-many check by_owner",
        "counters": "get get-many query put update delete put-many check",
        "cursors": "get get-many query put update delete put-many check",
        "deliveries": "get get-many query",
        "devices": (
            "get get-many query put update delete put-many check by_gateway by_group by_owner by_product"
        ),
        "firmwares": "get get-many query put update delete put-many check",
        "groups": "get get-many query put update delete put-many check by_owner",
        "history": "get get-many query put update delete put-many check",
        "jobs": "get get-many query put update delete put-many check",
        "keyring": "get get-many query put update delete put-many check",
        "keys": "get get-many query put update delete put-many check by_application",
        "operations": "get get-many query put update delete put-many check",
        "operators": "get get-many query put update delete put-many check",
        "outbox": "get get-many query put update delete put-many check",
        "packages": "get get-many query put update delete put-many check by_owner",
        "products": "get get-many query put update delete put-many check by_tenant",
        "receipts": "get get-many query put update delete put-many check",
        "subscriptions": "get get-many query put update delete put-many check",
        "targets": "get get-many query put update delete put-many check",
        "tasks": "get get-many query put update delete put-many check by_owner",
        "tenants": "get get-many query put update delete put-many check by_realm",
        "throttles": "get get-many query put update delete put-many check",
        "tokens": "get get-many query put update delete put-many check",
        "upgrades": "get get-many query put update delete put-many check by_device by_owner",
        "users": "get get-many query put update delete put-many check by_owner",
    },
    "authorizer": {
        "aliases": "get get-many query",
        "devices": "get get-many query put update delete put-many check",
        "keyring": "get get-many query",
        "sessions": "get get-many query put update delete put-many check",
        "users": "get get-many query",
    },
    "ingest": {
        "aliases": "get get-many query",
        "codes": "get put update",
        "commands": "get get-many query put update delete put-many check",
        "counters": "put update delete put-many check",
        "devices": "get get-many query put update delete put-many check by_gateway",
        "history": "get get-many query put update delete put-many check",
        "keyring": "get get-many query put update delete put-many check",
        "outbox": "put update delete put-many check",
        "products": "get get-many query",
        "receipts": "get get-many query put update delete put-many check",
        "sessions": "get get-many query",
        "tokens": "get get-many query",
        "upgrades": "get get-many query put update delete put-many check",
        "users": "get get-many query put update delete put-many check",
    },
    "presence": {
        "counters": "put update delete put-many check",
        "devices": "get get-many query put update delete put-many check",
        "outbox": "put update delete put-many check",
        "sessions": "get get-many query",
        "users": "get get-many query put update delete put-many check",
    },
    "dispatch": {
        "applications": "by_tenant",
        "automations": "get get-many query put update delete put-many check",
        "devices": "get get-many query",
        "products": "get get-many query",
        "subscriptions": "get get-many query",
        "tokens": "get get-many query",
        "users": "get get-many query put update delete put-many check",
    },
    "deliver": {
        "authorizations": "get get-many query",
        "deliveries": "put-many",
        "keyring": "get get-many query",
        "subscriptions": "get get-many query",
        "targets": "get get-many query put update delete put-many check",
    },
    "redeliver": {
        "authorizations": "get get-many query",
        "deliveries": "put-many",
        "keyring": "get get-many query",
        "subscriptions": "get get-many query",
        "targets": "get get-many query put update delete put-many check",
    },
    "work": {
        "aliases": "get get-many query put update delete put-many check",
        "applications": "by_tenant",
        "automations": "get get-many query put update delete put-many check",
        "batches": "get get-many query put update delete put-many check",
        "commands": "get get-many query put update delete put-many check",
        "counters": "put update delete put-many check",
        "deliveries": "get get-many query",
        "devices": (
            "get get-many query scan put update delete put-many check by_gateway by_group by_owner by_product"
        ),
        "firmwares": "get get-many query put update delete put-many check",
        "groups": "get get-many query put update delete put-many check",
        "history": "get get-many query put update delete put-many check",
        "jobs": "get get-many query put update delete put-many check",
        "keyring": "get get-many query put update delete put-many check",
        "keys": "scan put update delete put-many check",
        "operations": "get get-many query scan put update delete put-many check",
        "outbox": "get get-many query put update delete put-many check",
        "packages": "get get-many query put update delete put-many check",
        "products": "get get-many query scan put update delete put-many check",
        "sessions": "get get-many query",
        "subscriptions": "get get-many query scan put update delete put-many check",
        "tasks": "get get-many query put update delete put-many check",
        "upgrades": "get get-many query put update delete put-many check",
        "users": "get get-many query scan put update delete put-many check",
    },
    "sweep": {
        "aliases": "put update delete put-many check",
        "automations": "by_deadline",
        "batches": "by_deadline",
        "commands": "by_deadline",
        "counters": "get get-many query put update delete put-many check",
        "devices": "get get-many query put update delete put-many check by_deadline by_silence",
        "groups": "get get-many query put update delete put-many check by_deadline",
        "operations": "put update delete put-many check by_deadline",
        "outbox": "put update delete put-many check",
        "tokens": "put update delete put-many check by_deadline",
        "upgrades": "by_deadline",
        "users": "put update delete put-many check by_deadline",
    },
}

# Queues that a function sends to. Failure queues are filled by Lambda itself, with the function's rights.
SENT = {
    "api_handler": ("callback-retries", "work"),
    "authorizer": ("work",),
    "ingest": ("work", "ingest-failures"),
    "presence": ("work", "ingest-failures"),
    "dispatch": ("callbacks.fifo", "forwarded.fifo", "callback-dlq", "work", "dispatch-failures"),
    "deliver": ("callback-retries", "callback-dlq"),
    "redeliver": ("callback-retries", "callback-dlq"),
    "work": ("callback-retries", "work"),
    "sweep": ("work",),
}

# Queues that a function takes from; those that feed it are polled by Lambda, with the function's rights.
FED = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
TAKEN = {
    "deliver": {"callbacks.fifo": FED},
    "redeliver": {"callback-retries": FED},
    "work": {"work": FED, "callback-dlq": ("ReceiveMessage", "DeleteMessage")},
}

DEVICES = {
    "api_handler": ("SendDirectMessage", "DeleteConnection"),
    "dispatch": ("SendDirectMessage",),
    "ingest": ("SendDirectMessage",),
    "presence": ("DeleteConnection",),
    "work": ("SendDirectMessage", "DeleteConnection"),
}
TOPICS = {"api_handler": ("codes",)}  # published to
# of the packages' bucket: a signed URL can do what its signer may
FILES = {"api_handler": ("DeleteObject", "GetObject", "PutObject"), "work": ("DeleteObject", "GetObject")}
MADE = ("Decrypt", "GenerateDataKeyWithoutPlaintext")  # the first secret of a stage needs a data key
KEYS = {  # the KMS key of the data keys
    "api_handler": MADE,
    "authorizer": ("Decrypt",),
    "ingest": MADE,
    "deliver": ("Decrypt",),
    "redeliver": ("Decrypt",),
    "work": MADE,
}


class Reason(NamedTuple):
    """Why a right stands that no test uses, or (`sometimes`) only one that happens to. The first three are
    patterns, as of file names.
    """

    function: str
    action: str
    resource: str
    why: str
    sometimes: bool = False


POLLED = "Lambda polls the queue for the function"
STREAMED = "Lambda reads the stream for the function"
REASONS = (
    Reason("*", "logs:*", "*", "Lambda writes the functions' output itself"),
    Reason("*", "sqs:GetQueueAttributes", "*", POLLED),
    Reason("*", "sqs:ChangeMessageVisibility", "*", POLLED),
    Reason("*deliver", "sqs:ReceiveMessage", "*", POLLED),
    Reason("work", "sqs:ReceiveMessage", "work", POLLED),
    Reason("*", "sqs:SendMessage", "*-failures", "Lambda puts there what its function failed on"),
    Reason("dispatch", "dynamodb:*", "outbox/stream/*", STREAMED),
    Reason("api_handler", "sns:Publish", "codes", "an operator's own topic, which no test has"),
    Reason(
        "authorizer",
        "sqs:SendMessage",
        "work",
        "a login that meets a registration which is over",
        sometimes=True,
    ),
    Reason(
        "redeliver", "sqs:DeleteMessage", "*", "of a batch in which another message failed", sometimes=True
    ),
    Reason("work", "s3:GetObject", "packages", "a signed URL can do what its signer may: devices use it"),
    Reason("api_handler", "s3:PutObject", "packages", "the same: operators use it"),
)
