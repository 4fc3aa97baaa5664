"""What is another tenant's, another project's or another person's is answered as what nobody has.

Every operation is called with each id of another's in place of the caller's own, and with all of them; the
answer is, byte for byte, that to ids that do not exist, and nothing of the other's has changed. That the ids
matter is tested too: the caller's own are answered otherwise.
"""

import json
import re
import secrets
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core import code_senders, passwords
from chalicelib.dialects.feiyan.declaring import Audience, Who
from chalicelib.dialects.feiyan.routes import api
from chalicelib.web.operations import Operation
from tests.support.clock import FakeClock
from tests.support.feiyan import Someone
from tests.support.iot import FakeIot
from tests.support.project_calls import CALLS, NAMELESS
from tests.support.projects import Project, Site, make_project
from tests.support.queues import WorkQueue

OPERATIONS = {each.name: each for each in api.operations}
Names = Mapping[str, str]
Stored = dict[tuple[str, str], str]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "N", 2)
    monkeypatch.setattr(code_senders, "chosen", lambda: lambda sent: None)


@pytest.fixture
def site(aws: None, clock: FakeClock, iot: FakeIot, work: WorkQueue) -> Site:
    return Site(iot, clock, work)


@dataclass(frozen=True)
class Case:
    """One call; `number` tells those of one operation apart. Without a `user` the program calls."""

    operation: Operation
    number: int
    params: Any
    user: bool

    @property
    def kinds(self) -> list[str]:
        return sorted(set(re.findall(r"\{(\w+)\}", json.dumps(self.params))))

    @property
    def name(self) -> str:
        return f"{self.operation.name} {self.number}" + ("" if self.user else " (program)")

    def send(self, by: Project, names: Names, user: Someone | None = None) -> tuple[int, str]:
        """The answer's status and body, in which the ids that were sent are told apart by kind alone."""
        text = re.sub(r"\{(\w+)\}", lambda found: names[found[1]], json.dumps(self.params))
        params, about = json.loads(text), self.operation.about
        if about is None:
            reply = by.app.form(self.operation.path, params)
        elif about.audience is Audience.CLOUD:
            reply = by.cloud.call(self.operation.path, about.version, params)
        else:
            token = (user or by.person).token if self.user else None
            reply = by.app.call(self.operation.path, about.version, params, user=token)
        said = reply.body
        for kind in sorted(self.kinds, key=lambda each: -len(names[each])):
            said = said.replace(names[kind], f"<{kind}>")
        return reply.status, said


def cases(*, people: bool = False) -> Iterator[Case]:
    """Of all operations; with `people` of those alone that a person calls."""
    for name, variants in {**CALLS, **{name: [params] for name, params in NAMELESS.items()}}.items():
        operation = OPERATIONS[name]
        who = operation.about.who if operation.about else Who.NOBODY
        cloud = operation.about is not None and operation.about.audience is Audience.CLOUD
        as_person = not cloud and who is not Who.NOBODY
        for number, params in enumerate(variants):
            if as_person:
                yield Case(operation, number, params, user=True)
            if not people and (not as_person or who is Who.ANYBODY):
                yield Case(operation, number, params, user=False)


def absent(names: Names) -> dict[str, str]:
    """Names of the same form that nobody has."""
    return {kind: _like(text) for kind, text in names.items()}


def _like(text: str) -> str:
    if "@" in text:
        return f"nobody-{secrets.token_hex(4)}@example.com"
    if text.isdigit():
        return text[:3] + "".join(secrets.choice(string.digits) for _ in text[3:])
    if re.fullmatch("[0-9a-f-]{32,}", text):
        return re.sub("[0-9a-f]", lambda _: secrets.choice("0123456789abcdef"), text)
    if re.fullmatch("[A-Za-z0-9]{10}", text):
        return "".join(secrets.choice(string.ascii_letters) for _ in text)
    if "handset" in text or text.startswith("open-") or text.count("-") == 1:
        return f"nobodys-{secrets.token_hex(4)}"
    return re.sub("[0-9a-f]{16,}", lambda run: secrets.token_hex(len(run[0]) // 2), text[:-4]) + "AbCd"


def stored() -> Stored:
    """Every item of every table, but for what each call may touch: places in lists, rates, receipts."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.dynamodb.models import dynamodb_backends

    found: Stored = {}
    for name, table in dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables.items():
        if name.endswith(("cursors", "throttles")):
            continue
        for item in table.all_items():
            key = json.dumps([item.hash_key.to_json(), item.range_key and item.range_key.to_json()])
            found[name, key] = json.dumps(item.to_json(), sort_keys=True)
    return found


@dataclass
class Theirs:
    """What another has: the items that came with it, and its names."""

    items: Stored
    names: Names
    own: frozenset[str]  # names that the caller has too

    @classmethod
    def of(cls, other: Project, before: Stored, mine: Project) -> "Theirs":
        items = {key: item for key, item in stored().items() if before.get(key) != item}
        return cls(items, other.names, frozenset(mine.names.values()))

    @property
    def secret(self) -> set[str]:
        return {text for text in self.names.values() if text not in self.own}

    def changed(self, known: Stored) -> tuple[list[str], Stored]:
        """What happened since `known`: items of theirs that differ, and new ones with a name of theirs."""
        now = stored()
        wrong = [f"{key} is now {now.get(key)}" for key, item in self.items.items() if now.get(key) != item]
        fresh = {key: item for key, item in now.items() if known.get(key) != item and key not in self.items}
        wrong += [
            f"{key} has {text}: {item}"
            for key, item in fresh.items()
            for text in self.secret
            if text in item or text in key[1]
        ]
        return wrong, now


def compare(
    mine: Project, theirs: Theirs, several: Sequence[Case], shared: frozenset[str] = frozenset()
) -> dict[str, object]:
    """By case and kinds: where another's ids are not answered as absent ones, or their things changed.

    `shared` kinds may be named by both.
    """
    nowhere, known = absent(mine.names), stored()
    told: dict[str, object] = {}
    for case in several:
        kinds = [each for each in case.kinds if theirs.names[each] != mine.names[each] and each not in shared]
        choices = [[kind] for kind in kinds] + ([kinds] if len(kinds) > 1 else [])
        for chosen in choices or [[]]:
            foreign = {**mine.names, **{kind: theirs.names[kind] for kind in chosen}}
            nobody = {**mine.names, **{kind: nowhere[kind] for kind in chosen}}
            label = f"{case.name} {chosen}"
            answers = [case.send(mine, nobody), case.send(mine, foreign)] if chosen else []
            if not chosen:
                answers = [case.send(mine, mine.names)] * 2
            if answers[0] != answers[1]:
                told[label] = answers
            leaked = [text for text in theirs.secret if text in answers[1][1]]
            if leaked:
                told[f"{label} shows {leaked}"] = answers[1]
            wrong, known = theirs.changed(known)
            if wrong:
                told[f"{label} changed"] = wrong
    return told


def assert_nothing(told: Mapping[str, object]) -> None:
    assert not told, "\n".join(f"{label}: {each}" for label, each in told.items())


def test_every_operation_has_a_case() -> None:
    assert set(CALLS) | set(NAMELESS) == set(OPERATIONS)
    assert not set(CALLS) & set(NAMELESS)


@pytest.mark.parametrize("whose", ["tenant", "project"])
def test_what_is_anothers_is_as_absent(whose: str, site: Site) -> None:
    mine = make_project(site, "mine")
    before = stored()
    other = make_project(site, "theirs", beside=mine if whose == "project" else None)
    theirs = Theirs.of(other, before, mine)
    assert_nothing(compare(mine, theirs, list(cases())))
