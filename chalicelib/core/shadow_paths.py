"""JSON paths inside a field of a shadow: `setting.battery.open`, names with dots between them.

A path leads through objects only; a list has no names in it. Nothing here changes what it is given.

Source: device shadow 2.6 to 2.9, 2.12, 2.13
"""

from collections.abc import Mapping
from typing import Any

from .errors import FieldNotFound, InvalidInput, NotAnObject

Names = tuple[str, ...]


def parse(path: str, most: int) -> Names:
    """Raises InvalidInput where a name is empty, or there are more than `most`."""
    names = tuple(path.split("."))
    if len(names) > most:
        raise InvalidInput("jsonPath", f"has more than {most} names in it")
    if not all(names):
        raise InvalidInput("jsonPath", "has an empty name in it")
    return names


def put(value: Any, names: Names, new: Any, at: str) -> dict[str, Any]:
    """The object `value` with `new` at this path; objects on the way are made where they are missing.

    `at` names the value in errors. Raises NotAnObject.
    """
    inner = _object(value, at)
    name, rest = names[0], names[1:]
    if rest:
        new = put(inner.get(name, {}), rest, new, f"{at}.{name}")
    return {**inner, name: new}


def cut(value: Any, names: Names, at: str) -> dict[str, Any]:
    """The object `value` without what is at this path. Raises NotAnObject, FieldNotFound."""
    inner = _object(value, at)
    name, rest = names[0], names[1:]
    if name not in inner:
        raise FieldNotFound(f"{at}.{name}")
    if rest:
        return {**inner, name: cut(inner[name], rest, f"{at}.{name}")}
    return {each: inner[each] for each in inner if each != name}


def depth(value: Any) -> int:
    """Levels of objects and lists within each other; 0 for a plain value."""
    if isinstance(value, Mapping):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def _object(value: Any, at: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotAnObject(at)
    return value
