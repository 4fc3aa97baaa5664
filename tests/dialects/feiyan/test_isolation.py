"""What is another tenant's, another project's or another person's is answered as what nobody has.

Every operation is called with each id of another's in place of the caller's own, and with all of them; the
answer is, byte for byte, that to ids that do not exist, and nothing of the other's has changed. That the ids
matter is tested too: the caller's own are answered otherwise.
"""

import json
import re
import secrets
import string
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from chalicelib.core import bindings, code_senders, passwords
from chalicelib.core import errors as core
from chalicelib.core.bindings import Role
from chalicelib.dialects.feiyan.declaring import Audience, Who
from chalicelib.dialects.feiyan.routes import api
from chalicelib.web.operations import Operation
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.feiyan import Someone
from tests.support.iot import FakeIot
from tests.support.project_calls import CALLS, NAMELESS
from tests.support.projects import Project, Site, make_project, settle_in
from tests.support.queues import WorkQueue

OPERATIONS = {each.name: each for each in api.operations}
Names = Mapping[str, str]
PERSON, TENANT = "a person", "a tenant"
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")
# What a caller names as it likes: another's choice of the same name is no id of the other's.
CHOSEN = {("bind_push_channel", "phone_id"), ("get_app_certificate", "phone_id")}
# What a member is answered who does what only managers may, by case.
MANAGERS: Mapping[str, int] = {
    "generate_share_qr_code 0": 2066,
    "share_devices_and_scenes 0": 2066,
    "share_devices_and_scenes 1": 2066,
    "get_shared_devices 0": 2066,
    "get_shared_devices 1": 2066,
    "get_shared_devices 2": 2066,
    "remove_topology 0": 2066,
    "unbind_by_manager 0": 2066,
    "unbind_by_manager 1": 460,  # the home is the manager's
}
# Their NotManager is of who has offered the device.
OFFERED = {"scan_bind_by_share_qr_code", "confirm_share"}
# Answered alike whether there is such a thing or not.
SILENT = {
    ("bind_push_channel", "phone_id"),
    ("unbind_push_channel", "phone_id"),
    ("unbind_by_manager", "friend"),
    ("send_login_code", "login"),
    ("register_person", "login"),
}
# The code of an answer about another person of the project, where it is not that to what is absent. With 200
# what is named is shown or done, for everybody may; any other is the vendor's own code.
OF_PEOPLE: Mapping[tuple[str, tuple[str, ...]], int] = {
    ("query_identity_list", ("user",)): 200,
    ("check_registration", ("phone",)): 200,
    ("check_registration", ("login",)): 200,
    ("query_identity", ("open_id",)): 200,
    ("query_identity", ("phone",)): 200,
    ("query_identity", ("login",)): 200,
    ("get_relation", ("lamp",)): 200,  # with nothing in it
    ("filter_nearby_devices", ("lamp_name",)): 200,  # `reset`: the app says that the device was
    ("get_cipher", ("lamp_name",)): 200,  # asked before a device is anybody's
    ("share_devices_and_scenes", ("friend",)): 200,
    ("share_devices_and_scenes", ("friend", "third")): 2065,
    ("share_devices_and_scenes", ("friend_login",)): 200,
    ("share_devices_and_scenes", ("fourth", "friend_login")): 2065,
    ("scan_bind_by_share_qr_code", ("qr",)): 200,  # whoever has the code
    ("unbind_subdevice", ("other_child_name",)): 2065,
}
# What the caller's own is answered where that is not 200: as a rule because the case before has done it.
REFUSED: Mapping[str, int] = {
    "cancel_upgrade 1": 9146,
    "cancel_upgrade 2": 9146,
    "confirm_share 1": 2085,
    "cancel_share 1": 2093,
    "scan_bind_by_share_qr_code 0": 2086,
    "register_person 0 (program)": 401,
}
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


def cases() -> Iterator[Case]:
    """Of all operations; what a person and a program may call, as both."""
    for name, variants in {**{name: [params] for name, params in NAMELESS.items()}, **CALLS}.items():
        operation = OPERATIONS[name]
        who = operation.about.who if operation.about is not None else Who.NOBODY
        people = who in (Who.PERSON, Who.ANYBODY)
        for number, params in enumerate(variants):
            if people:
                yield Case(operation, number, params, user=True)
            if not people or who is Who.ANYBODY:
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
    """Every item of every table, but for what each call may touch: places in lists, and rates.

    Read from where moto keeps them, for this is done after each call.
    """
    found: Stored = {}
    for table, held in dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables.items():
        if table.endswith(("cursors", "throttles")):
            continue
        for partition, items in held.items.items():
            for item in items.values() if isinstance(items, dict) else [items]:
                key = f"{partition.value} {item.range_key.value if item.range_key else ''}"
                found[table, key] = json.dumps(item.to_json(), sort_keys=True)
    return found


@dataclass
class Other:
    """What another has: the items that came with it, and its names, of which the caller has some too."""

    who: str
    items: Stored
    names: Names
    secrets: set[str]

    @classmethod
    def made(cls, who: str, mine: Project, make: Callable[[], Project]) -> "Other":
        before = stored()
        names = make().names
        items = {key: item for key, item in stored().items() if before.get(key) != item}
        return cls(who, items, names, set(names.values()) - set(mine.names.values()))

    def choices(self, case: Case, mine: Project) -> list[tuple[str, ...]]:
        """Kinds of the case whose names are the other's alone: each, and all."""
        kinds = tuple(each for each in case.kinds if self.names[each] != mine.names[each])
        return [(kind,) for kind in kinds] + ([kinds] if len(kinds) > 1 else [])

    def names_in(self, text: str) -> list[str]:
        return [each for each in self.secrets if each in text]

    def changes(self, now: Stored) -> list[str]:
        """Items of the other's that are not as they were. Told once."""
        wrong = {key: now.get(key) for key, item in self.items.items() if now.get(key) != item}
        told = [f"{key} was {self.items.pop(key)}, is {item}" for key, item in wrong.items()]
        self.items |= {key: item for key, item in wrong.items() if item is not None}
        return told


@dataclass
class Comparison:
    """Each case with names that nobody has, with those of each other, and with the caller's own."""

    site: Site
    mine: Project
    others: Sequence[Other]
    calls: Calls
    told: dict[str, Any] = field(default_factory=dict)
    met: set[tuple[str, tuple[str, ...]]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.nowhere, self.known = absent(self.mine.names), stored()
        self.sent = self._sent()
        self.calls.clear()

    def run(self, case: Case) -> None:
        nobody: dict[tuple[str, ...], tuple[int, str]] = {}
        tried: set[tuple[str, ...]] = set()
        for other in self.others:
            if other.who == PERSON and not case.user:
                continue  # a program acts for the project, whose person it is
            choices = other.choices(case, self.mine)
            if other.who == TENANT:  # what hides a project of one's own tenant hides those of others
                choices = [kinds for kinds in choices if len(kinds) > 1 or kinds not in tried]
            tried.update(choices)
            for kinds in choices:
                if kinds not in nobody:
                    nobody[kinds] = self._answer(case, self.nowhere, kinds)
                self._compare(case, other, kinds, nobody[kinds])
        own = self._answer(case, self.mine.names, ())
        code = code_of(own)
        if code != REFUSED.get(case.name, 200):
            self.told[f"{case.name}, own: {code}"] = own
        for kinds, answer in nobody.items():
            if answer == own and (case.operation.name, *kinds) not in SILENT and len(kinds) == 1:
                self.told[f"{case.name} {kinds}, own as nobody's"] = own

    def _compare(self, case: Case, other: Other, kinds: tuple[str, ...], absent: tuple[int, str]) -> None:
        name = case.operation.name
        chosen = any((name, kind) in CHOSEN for kind in kinds)
        known = OF_PEOPLE.get((name, kinds)) if other.who == PERSON else None
        answer = self._answer(case, other.names, kinds, allowed=chosen or known == 200)
        if known is not None:
            self.met.add((name, kinds))
        right = answer == absent if known is None else code_of(answer) == known
        if not right and not chosen:
            self.told[f"{case.name} {kinds}, {other.who}'s"] = absent, answer

    def _answer(
        self, case: Case, names: Names, kinds: Sequence[str], *, allowed: bool = False
    ) -> tuple[int, str]:
        """The answer, which shows nothing of another's and changes nothing of it unless that is allowed."""
        answer = case.send(self.mine, {**self.mine.names, **{kind: names[kind] for kind in kinds}})
        others = [each for each in self.others if case.user or each.who != PERSON]
        before, self.sent = self.sent, self._sent()
        fresh, changed = list((self.sent - before).elements()), []
        if any(each.endswith(WRITES) for each in self.calls.made):
            now = stored()
            fresh += [f"{key} {item}" for key, item in now.items() if self.known.get(key) != item]
            self.known = now
            changed = [each for other in self.others for each in other.changes(now)]
        noted = [item for item in fresh for other in others if other.names_in(item)]
        self.calls.clear()
        shown = [text for other in others for text in other.names_in(answer[1])]
        for what, found in (("shows", shown), ("changed", changed), ("noted", noted)):
            if found and not allowed:
                self.told[f"{case.name} {kinds} {what}"] = found, answer
        return answer

    def _sent(self) -> Counter[str]:
        """What devices and the queue were sent so far; nothing is taken from either."""
        jobs = (json.dumps(each, sort_keys=True) for each in self.site.work.waiting())
        return Counter([*jobs, *self.site.iot.tried])

    def settle(self) -> None:
        """Work off what the calls left to do: nothing of another tenant's or project's changes by that."""
        self.site.work.run()
        assert self.site.work.failures == []
        now = stored()
        for other in self.others:
            if other.who != PERSON and (changed := other.changes(now)):
                self.told[f"jobs, {other.who}'s"] = changed


def code_of(answer: tuple[int, str]) -> int:
    """The envelope's code; the account service has none where it succeeds."""
    return int(json.loads(answer[1]).get("code", answer[0]))


def test_every_operation_has_a_case() -> None:
    assert set(CALLS) | set(NAMELESS) == set(OPERATIONS)
    assert not set(CALLS) & set(NAMELESS)


def test_what_is_anothers_is_as_absent(site: Site, calls: Calls) -> None:
    mine = make_project(site, "mine")
    others = [
        Other.made("a project", mine, lambda: make_project(site, "beside", beside=mine)),
        Other.made(TENANT, mine, lambda: make_project(site, "theirs")),
        Other.made(PERSON, mine, lambda: settle_in(site, mine, "bob")),
    ]
    comparison = Comparison(site, mine, others, calls)
    for case in cases():
        comparison.run(case)
    comparison.settle()
    told = comparison.told
    assert not told, "\n".join(f"{label}: {each}" for label, each in told.items())
    assert comparison.met == set(OF_PEOPLE)


def test_a_member_may_not_do_what_only_managers_may(site: Site) -> None:
    """Nor take back or agree to what is the other side's."""
    mine = make_project(site, "mine")
    for kind in ("third", "fourth", "gateway"):
        bindings.bind(mine.fleet.caller, mine.friend.id, mine.names[kind], Role.MEMBER)
    declared = {each.name for each in api.operations if core.NotManager in each.raises}
    assert {name.split()[0] for name in MANAGERS} == declared - OFFERED
    before, manager = stored(), {"friend": mine.person.id, "friend_login": mine.names["login"]}
    of_managers = [case for case in cases() if case.operation.name in declared - OFFERED]
    answers = {each.name: each.send(mine, {**mine.names, **manager}, mine.friend) for each in of_managers}
    assert {name: code_of(answer) for name, answer in answers.items()} == MANAGERS
    other_side = {"cancel_share": 2078, "confirm_share": 2097}
    for case in cases():
        if case.operation.name in other_side:
            assert code_of(case.send(mine, mine.names, mine.friend)) == other_side[case.operation.name]
    assert stored() == before


def test_another_projects_tokens_are_no_tokens(site: Site) -> None:
    """With the caller's own ids, so that a call that is let in would do something."""
    mine = make_project(site, "mine")
    other = make_project(site, "beside", beside=mine)
    before, told = stored(), {}
    callers = [_with_tokens(mine, names) for names in (absent(other.names), other.names)]
    for case in cases():
        if case.operation.about is None or case.operation.about.who is Who.NOBODY:
            continue
        answers = [case.send(caller, mine.names) for caller in callers]
        if answers[0] != answers[1] or code_of(answers[1]) not in (401, 20017):
            told[case.name] = answers
    assert not told, "\n".join(f"{label}: {each}" for label, each in told.items())
    assert stored() == before


def _with_tokens(project: Project, names: Names) -> Project:
    cloud_token = names["cloud_token"]
    return replace(
        project,
        app=replace(project.app, cloud_token=cloud_token),
        cloud=replace(project.cloud, cloud_token=cloud_token),
        person=Someone(project.person.id, names["iot_token"]),
    )
