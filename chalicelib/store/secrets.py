"""Where encrypted secrets stand, and walking them: the one place that scans tables.

No index leads to them: each would cost a write for every secret, for a walk that is made once a year
(docs/adr/0017). Raw calls, because the walk looks at items of several models at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..aws.clients import client
from .app_channels import CHANNEL, AppChannelRecord
from .base import Record
from .devices import BIND_TOKEN, CREDENTIALS, LORA, DeviceItem
from .keys import KeyRecord
from .production import ProductionRecord
from .products import ProductRecord
from .subscriptions import RuleRecord, by_rule

Key = dict[str, dict[str, str]]  # as DynamoDB writes it: attribute to type to value

AT_ONCE = 500  # items that one call examines, 1 MB at most


@dataclass(frozen=True)
class Kind:
    """Items of `model` whose sort key begins with `item`. `fields` are encrypted; `tenant` and `record` are
    the attributes that are bound in, with the field's own name or `bound`.
    """

    model: type[Record]
    tenant: str
    record: str
    fields: tuple[str, ...]
    item: str = ""
    bound: str = ""


KINDS = (
    Kind(ProductRecord, "tenant", "id", ("key",)),
    Kind(KeyRecord, "tenant", "id", ("secret",)),
    Kind(ProductionRecord, "tenant", "id", ("key",), bound="production"),
    Kind(AppChannelRecord, "tenant", "user", ("secret",), CHANNEL, "app_channel"),
    Kind(RuleRecord, "owner", "id", ("token",), by_rule()),
    Kind(DeviceItem, "tenant", "device", ("secret", "psk"), CREDENTIALS),
    Kind(DeviceItem, "tenant", "device", ("token",), BIND_TOKEN, "bind-token"),
    Kind(
        DeviceItem,
        "tenant",
        "device",
        ("access_code", "app_key", "app_session_key", "network_session_key"),
        LORA,
    ),
)
TABLES = tuple(dict.fromkeys(kind.model.Meta.table_name for kind in KINDS))


@dataclass(frozen=True)
class Sealed:
    """An item with its encrypted texts by field; `bound` is what is bound in where it is not the field's
    name.
    """

    table: str
    key: Key
    tenant: str
    record: str
    texts: Mapping[str, str]
    bound: str = ""


def page(table: str, start: Key | None) -> tuple[list[Sealed], Key | None]:
    """The next items with secrets, and where to go on; None there is the end. One AWS call. What was written
    before the call is seen.
    """
    names = _names(table)
    fields = {name for kind in _kinds(table) for name in kind.fields}
    answer = client("dynamodb").scan(
        TableName=table,
        ConsistentRead=True,
        Limit=AT_ONCE,
        ProjectionExpression=", ".join(names),
        FilterExpression=" OR ".join(
            f"attribute_exists({short})" for short, name in names.items() if name in fields
        ),
        ExpressionAttributeNames=names,
        **({"ExclusiveStartKey": start} if start else {}),
    )
    found = [sealed for item in answer["Items"] if (sealed := _sealed(table, item)) is not None]
    return found, answer.get("LastEvaluatedKey")


def again(held: Sealed) -> Sealed | None:
    """As it is now; None where it is gone, or has no secret any more. One AWS call."""
    answer = client("dynamodb").get_item(TableName=held.table, Key=held.key, ConsistentRead=True)
    return _sealed(held.table, answer["Item"]) if "Item" in answer else None


def replace(held: Sealed, texts: Mapping[str, str]) -> bool:
    """Put `texts` in the place of those of the same fields, where those are unchanged. One AWS call."""
    dynamodb = client("dynamodb")
    fields = list(enumerate(texts))
    try:
        dynamodb.update_item(
            TableName=held.table,
            Key=held.key,
            UpdateExpression="SET " + ", ".join(f"#f{n} = :new{n}" for n, _ in fields),
            ConditionExpression=" AND ".join(f"#f{n} = :old{n}" for n, _ in fields),
            ExpressionAttributeNames={f"#f{n}": name for n, name in fields},
            ExpressionAttributeValues={
                **{f":new{n}": {"S": texts[name]} for n, name in fields},
                **{f":old{n}": {"S": held.texts[name]} for n, name in fields},
            },
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _kinds(table: str) -> list[Kind]:
    return [kind for kind in KINDS if kind.model.Meta.table_name == table]


def _keys(kind: Kind) -> list[str]:
    return [str(name) for name in (kind.model._hash_keyname, kind.model._range_keyname) if name]


def _names(table: str) -> dict[str, str]:
    """What is read of its items, by names that are no words of DynamoDB's."""
    wanted = [
        name for kind in _kinds(table) for name in (*_keys(kind), kind.tenant, kind.record, *kind.fields)
    ]
    return {f"#n{n}": name for n, name in enumerate(dict.fromkeys(wanted))}


def _sealed(table: str, item: Mapping[str, Any]) -> Sealed | None:
    for kind in _kinds(table):
        keys = _keys(kind)
        texts = {name: item[name]["S"] for name in kind.fields if name in item}
        if texts and kind.tenant in item and item[keys[-1]]["S"].startswith(kind.item):
            place = {name: item[name] for name in keys}
            return Sealed(table, place, item[kind.tenant]["S"], item[kind.record]["S"], texts, kind.bound)
    return None
