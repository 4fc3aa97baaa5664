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
    models: dict[tuple[str, str, str | None], type[Record]] = {}
    names: dict[str, tuple[str, str | None]] = {}  # of a table's keys
    asked: dict[str, Any] = {}
    for kind, hash_key, range_key in wanted:
        table = str(kind.Meta.table_name)
        models[table, hash_key, range_key] = kind
        names[table] = (str(kind._hash_keyname), kind._range_keyname)
        part = asked.setdefault(table, {"Keys": [], "ConsistentRead": True})
        part["Keys"].append(_serialized(kind, hash_key, range_key))
    found: dict[Key, Record] = {}
    for attempt in range(TRIES):
        if not asked:
            return found
        if attempt:
            pause(attempt)
        answer = connection().dispatch("BatchGetItem", {"RequestItems": asked})
        for table, items in answer.get("Responses", {}).items():
            hash_name, range_name = names[table]
            for item in items:
                key = (item[hash_name]["S"], item[range_name]["S"] if range_name else None)
                kind = models[table, *key]
                found[kind, *key] = kind.from_raw_data(item)
        asked = answer.get("UnprocessedKeys") or {}
    raise Contention(f"reads were not served in {TRIES} tries")


def _serialized(kind: type[Record], hash_key: str, range_key: str | None) -> dict[str, Any]:
    key = {str(kind._hash_keyname): {"S": hash_key}}
    if range_key is not None:
        key[str(kind._range_keyname)] = {"S": range_key}
    return key
