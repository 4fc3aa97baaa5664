"""docs/systems.md, docs/protocols.md and docs/clients.md against the declarations and the logins."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import app
from chalicelib.core.admission import Admitted
from chalicelib.dialects.feiyan import login as feiyan
from chalicelib.dialects.huawei import login as huawei
from chalicelib.dialects.shadow import login as shadow
from chalicelib.handlers import authorizer, http
from tests.docs.markdown import doc, prose, rows, section

DIALECTS = sorted(set(app.DIALECTS.values()))
# What stands in messages, not in a declared type.
ELSEWHERE = {"{id}", "dds", "level", "service", "property"}
GATEWAY = Admitted("d" * 32, "t", "{id}", gateway=False)
CHANNEL = Admitted("d" * 32, "t", "{id}", gateway=False, channel=True)


def names_in(value: Any) -> Iterator[str]:
    """Names of fields, parameters, headers and parts of paths."""
    if isinstance(value, dict):
        if isinstance(value.get("properties"), dict):
            yield from value["properties"]
        if isinstance(value.get("name"), str):
            yield value["name"]
        for key, part in value.items():
            yield from re.findall(r"\w+", key) if key.startswith("/") else ()
            yield from names_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from names_in(part)


def known() -> set[str]:
    found = set(names_in(json.loads(http.openapi(tuple(DIALECTS)))))
    return found | {name.lower() for name in found}


def head(page: str) -> list[str]:
    line = next(line for line in prose(page).splitlines() if line.startswith("|"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_system_that_is_built_has_its_column() -> None:
    columns = [name.lower() for name in head(doc("systems.md"))]
    assert columns == ["thing", "here", "huawei", "ctwing", "xlink", "shadow", "feiyan", "operator"]
    assert set(DIALECTS) == set(columns[2:])


def test_every_name_in_the_table_is_one_of_a_declared_type() -> None:
    wrong = []
    for row in rows(doc("systems.md")):
        for quoted in re.findall(r"`([^`]+)`", " ".join(row[2:])):
            words = re.findall(r"[A-Za-z_-]+", quoted)
            if "/" in quoted or "<" in quoted or quoted in ELSEWHERE:
                continue
            wrong += [word for word in words if not {word, word.lower()} & known()]
    assert wrong == []


def told_topics(direction: str) -> set[str]:
    """With what stands in braces after a slash written out."""
    found = set()
    for row in rows(doc("protocols.md")):
        if row[1:2] == [direction]:
            topic = row[0].strip("`")
            whole, _, kinds = topic.rpartition("/")
            several = re.fullmatch(r"\{(.+, .+)\}", kinds)
            found |= {f"{whole}/{kind}" for kind in several[1].split(", ")} if several else {topic}
    return found


def test_topics_are_those_that_the_logins_allow() -> None:
    """Each that is told of is allowed, and nothing is allowed of which nothing is told."""
    kinds = [(login, GATEWAY) for login in authorizer.LOGINS]
    kinds += [(feiyan, CHANNEL), (feiyan, replace(GATEWAY, gateway=True))]
    pairs = [login.topics(admitted) for login, admitted in kinds]
    for direction, at in (("up", 0), ("down", 2)):
        allowed = {topic for pair in pairs for topic in pair[at]}
        told = told_topics(direction)
        assert [topic for topic in told if not any(fnmatchcase(topic, each) for each in allowed)] == []
        unsaid = [each for each in allowed if not any(fnmatchcase(topic, each) for topic in told)]
        assert [each for each in unsaid if each not in feiyan.CHILDREN_UP] == []


def test_every_login_is_told() -> None:
    told = [
        row[0].partition(",")[0].lower()
        for row in rows(doc("protocols.md"))
        if len(row) == 5 and any(word in row[3] for word in ("HMAC", "secret", "same"))
    ]
    assert set(told) == {login.__name__.split(".")[-2] for login in authorizer.LOGINS}
    ident = "0" * 32
    assert huawei.claim(f"{ident}_0_0_2026010100", ident, "x")
    assert shadow.claim(f"shadow_{ident}", ident, "x")


def test_every_system_has_clients_and_each_one_place() -> None:
    table = [row for row in rows(doc("clients.md")) if len(row) == 7]
    assert {row[0].lower() for row in table} == {*DIALECTS, "feiyan"}
    for row in table:
        assert any(row[3:]), row
        assert all(row[:3]), row


def test_a_proxy_that_is_told_of_is_described() -> None:
    for heading in ("## HTTPS on another port", "## MQTT on another port"):
        assert "proxy_pass" in section(doc("clients.md"), heading)
