"""What must not be written anywhere, taken out: fields nobody declared, and text that looks secret."""

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
# Names of fields that hold a secret, and what stands after them in a text. What could be read over and
# over again is bounded: the time is linear in the text, whoever wrote it.
_NAMED = re.compile(
    r"""(?ix) ((?: secret | passw(?:or)?d | token | authorization | psk | signature | credential
        | verify_?code | app_?key | data_?key ) [\w-]{0,80} ["']? \s{0,9} [:=] \s{0,9} ["']?)
        (?:bearer\s{1,9})? [^\s"',;&}\])]+"""
)
_BEARER = re.compile(r"(?i)\b(bearer\s{1,9})\S+")
_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)(?:[^\s/@\"']{0,500}@)?([^\s/?#\"']+)[^\s\"')>]*")


def text(said: str) -> str:
    """Without secrets: what a name or `Bearer` announces, and all of a URL but its host."""
    said = _URL.sub(rf"\1\2/{MASK}", said)
    said = _NAMED.sub(rf"\1{MASK}", said)
    return _BEARER.sub(rf"\1{MASK}", said)


def fields(given: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    """The allowed fields, their text without secrets; `dropped` names the others."""
    kept = {name: clean(value) for name, value in given.items() if name in allowed}
    dropped = sorted(given.keys() - allowed)
    return {**kept, "dropped": dropped} if dropped else kept


def clean(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {name: clean(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(part) for part in value]
    return value
