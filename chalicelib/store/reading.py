"""Reading items of several tables at once."""

from collections.abc import Iterable
from typing import Any

from .base import Record, connection
from .transactions import TRIES, Contention, pause

Key = tuple[type[Record], str, str | None]  # model, hash key, range key


def find_all(keys: Iterable[Key]) -> dict[Key, Record]:
    """Consistent reads of at most a hundred items in one AWS call; absent ones are left out.

    Raises Contention where the tables are throttled for long.
    """
    wanted = dict.fromkeys(keys)
    models = {str(kind.Meta.table_name): kind for kind, _, _ in wanted}
    asked: dict[str, Any] = {}
    for kind, hash_key, range_key in wanted:
        table = asked.setdefault(str(kind.Meta.table_name), {"Keys": [], "ConsistentRead": True})
        table["Keys"].append(_serialized(kind, hash_key, range_key))
    found: dict[Key, Record] = {}
    for attempt in range(TRIES):
        if not asked:
            return found
        if attempt:
            pause(attempt)
        answer = connection().dispatch("BatchGetItem", {"RequestItems": asked})
        for name, items in answer.get("Responses", {}).items():
            for item in items:
                record = models[name].from_raw_data(item)
                found[_key(record)] = record
        asked = answer.get("UnprocessedKeys") or {}
    raise Contention(f"reads were not served in {TRIES} tries")


def _serialized(kind: type[Record], hash_key: str, range_key: str | None) -> dict[str, Any]:
    key = {str(kind._hash_keyname): {"S": hash_key}}
    if range_key is not None:
        key[str(kind._range_keyname)] = {"S": range_key}
    return key


def _key(record: Record) -> Key:
    range_name = record._range_keyname
    range_key = getattr(record, range_name) if range_name else None
    return type(record), getattr(record, str(record._hash_keyname)), range_key
