"""Automations: making, listing, switching and deleting them, and reading their runs.

An automation belongs to the application it was made for; every device it names is that application's.
Its rule never changes. While it is enabled, its state and what it looks at are stored, and each device
it looks at counts it: so an event says by itself whether any automation is concerned.

`automation_rules` says what a rule is, `automation_checks` whether what it names is there,
`automation_states` what events make of it; `automation_watch` hears them, `automation_runs` does the
actions.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from ..store.automations import (
    COUNT,
    RULE,
    RUN,
    STATE,
    AutomationCountRecord,
    RuleRecord,
    RunRecord,
    StateRecord,
    WatchRecord,
    counted,
    watched,
)
from ..store.devices import DEVICE, DeviceItem, DeviceRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from ..store.walks import Key, Walk
from . import (
    automation_checks,
    automation_rules,
    automation_runs,
    automation_states,
    automation_watch,
    clock,
    devices,
    ids,
    paging,
)
from .applications import Caller
from .automation_rules import Rule
from .automation_runs import Run
from .automation_states import States
from .errors import (
    AutomationNotFound,
    Busy,
    TooManyAutomations,
)
from .paging import Page, Source

MOST = 10_000  # of an application
TRIES = 8


class Automation(msgspec.Struct, frozen=True):
    """Times in ms; `creator` is the application that made it."""

    id: str
    tenant: str
    owner: str
    creator: str
    enabled: bool
    rule: Rule
    created: int
    modified: int


class Changed(ConditionFailed):
    """Something is not as it was read."""


def create(caller: Caller, text: bytes | str, *, enabled: bool = True) -> Automation:
    """Make an automation of a rule in JSON; what its conditions find true already starts nothing.

    Two AWS calls, and one for each product that was not read seconds ago. Raises InvalidInput naming
    the field, DeviceNotFound, TooManyAutomations, Busy.
    """
    now = clock.now()
    rule = automation_rules.parse(text, now)
    ident = ids.random_id()
    record = RuleRecord(
        ident,
        RULE,
        tenant=caller.tenant,
        owner=caller.owner,
        creator=caller.application,
        listing=ids.listing_key(now, ident),
        enabled=enabled,
        rule=automation_rules.text_of(rule),
        created=now,
        modified=now,
    )
    for tried in range(TRIES):
        change = Transaction()
        states = automation_checks.checked(caller, rule, looks=enabled)
        change.put(record, RuleRecord.automation.does_not_exist())
        count = AutomationCountRecord.count_
        change.update(
            AutomationCountRecord(counted(caller.owner), COUNT),
            [count.add(1)],
            count.does_not_exist() | (count < MOST),
            TooManyAutomations(caller.owner),
        )
        if enabled:
            _watch(change, ident, rule, states)
        try:
            change.commit()
        except Changed:
            pause(tried)
        else:
            return _automation(record)
    raise Busy(ident)


def _automation(record: RuleRecord) -> Automation:
    return Automation(
        record.automation,
        record.tenant,
        record.owner,
        record.creator,
        record.enabled,
        automation_rules.read(record.rule),
        int(record.created),
        int(record.modified),
    )


def _watch(change: Transaction, automation: str, rule: Rule, states: States) -> None:
    """Add to the change that an automation begins to look. Fails with Changed where a device is gone."""
    state = StateRecord(
        automation, STATE, version=ids.random_id(), conditions=automation_states.text_of(states)
    )
    due = automation_watch.next_time(rule, clock.now())
    if due is not None:
        state.shard, state.deadline = automation_watch.shard(automation), due
    change.put(state)
    count = DeviceRecord.automations
    for device in automation_rules.watched_devices(rule):
        change.put(WatchRecord(watched(device), automation, facts=automation_states.facts_of(rule, device)))
        room = devices.alive() & (count.does_not_exist() | (count < automation_checks.MOST_ON_DEVICE))
        change.update(DeviceRecord(device, DEVICE), [count.add(1)], room, Changed(device))


def _unwatch(change: Transaction, automation: str, rule: Rule, there: Iterable[str]) -> None:
    """Add to the change that it looks no more; of its devices those are still `there`."""
    change.delete(StateRecord(automation, STATE))
    for device in automation_rules.watched_devices(rule):
        change.delete(WatchRecord(watched(device), automation))
        if device in there:
            counts = DeviceRecord.automations
            change.update(DeviceRecord(device, DEVICE), [counts.add(-1)], counts > 0, Changed(device))


def _there(rule: Rule) -> set[str]:
    """Of the devices it looks at those whose items exist, purged or not. One AWS call."""
    keys = [(device, DEVICE) for device in automation_rules.watched_devices(rule)]
    found = DeviceItem.batch_get(keys, consistent_read=True) if keys else ()
    return {each.device for each in found if isinstance(each, DeviceRecord) and each.automations}


def _record_of(caller: Caller, automation: str) -> RuleRecord:
    record = RuleRecord.find(automation, RULE)
    if record is None or not _visible(caller, record):
        raise AutomationNotFound(automation)
    return record


def _visible(caller: Caller, record: RuleRecord) -> bool:
    return bool(record.tenant == caller.tenant and record.owner == caller.owner)


def find(automation: str) -> Automation:
    """Whoever asks: for operators. One AWS call. Raises AutomationNotFound."""
    record = RuleRecord.find(automation, RULE)
    if record is None:
        raise AutomationNotFound(automation)
    return _automation(record)


def get(caller: Caller, automation: str) -> Automation:
    """One AWS call. Raises AutomationNotFound."""
    return _automation(_record_of(caller, automation))


def enable(caller: Caller, automation: str) -> Automation:
    """It looks from now on; what its conditions find true already starts nothing. Harmless to repeat.

    Three AWS calls, and one for each product that was not read seconds ago. Raises AutomationNotFound,
    InvalidInput, DeviceNotFound, TooManyAutomations, Busy.
    """
    return _switch(caller, automation, on=True)


def disable(caller: Caller, automation: str) -> Automation:
    """It starts nothing from now on; a run under way is done. Harmless to repeat.

    Three AWS calls. Raises AutomationNotFound, Busy.
    """
    return _switch(caller, automation, on=False)


def _switch(caller: Caller, automation: str, *, on: bool) -> Automation:
    for tried in range(TRIES):
        record = _record_of(caller, automation)
        if record.enabled is on:
            return _automation(record)
        rule = automation_rules.read(record.rule)
        change = Transaction()
        record.modified = max(clock.now(), int(record.modified) + 1)
        change.update(
            RuleRecord(automation, RULE),
            [RuleRecord.enabled.set(on), RuleRecord.modified.set(record.modified)],
            RuleRecord.enabled == (not on),
            Changed(automation),
        )
        if on:
            _watch(change, automation, rule, automation_checks.checked(caller, rule, looks=True))
        else:
            _unwatch(change, automation, rule, _there(rule))
        try:
            change.commit()
        except Changed:
            pause(tried)
        else:
            record.enabled = on
            return _automation(record)
    raise Busy(automation)


def delete(caller: Caller, automation: str) -> None:
    """A run under way is done. Two AWS calls, three where it is enabled. Raises AutomationNotFound, Busy."""
    for tried in range(TRIES):
        record = _record_of(caller, automation)
        change = Transaction()
        change.delete(RuleRecord(automation, RULE), RuleRecord.enabled == record.enabled, Changed(automation))
        if record.enabled:
            rule = automation_rules.read(record.rule)
            _unwatch(change, automation, rule, _there(rule))
        count = AutomationCountRecord.count_
        change.update(AutomationCountRecord(counted(caller.owner), COUNT), [count.add(-1)])
        try:
            change.commit()
        except Changed:
            pause(tried)
        else:
            return
    raise Busy(automation)


def page(caller: Caller, number: int, size: int) -> Page[Automation]:
    """Newest first. AWS calls: a query, one a hundred automations, and those of `paging`."""
    walk = Walk(RuleRecord, caller.owner, RuleRecord.listing, index="by_owner", forward=False)

    def fetch(start: Key | None, limit: int) -> tuple[list[Automation], Key | None]:
        records, following = walk.read(start, limit)
        keys = [(each.automation, RULE) for each in records]
        read = RuleRecord.batch_get(keys, consistent_read=True) if keys else ()
        found = {each.automation: each for each in read if _visible(caller, each)}
        return [_automation(found[key]) for key, _ in keys if key in found], following

    def count() -> int:
        record = AutomationCountRecord.find(counted(caller.owner), COUNT)
        return int(record.count_) if record is not None else 0

    name = paging.name(caller.tenant, caller.owner, "automations", size)
    return paging.page(name, number, size, Source(fetch, walk.skip, count))


def runs(caller: Caller, automation: str, number: int, size: int) -> Page[Run]:
    """Its runs of the last fifteen days, newest first. AWS calls: one for the automation, a query, and
    those of `paging`. Raises AutomationNotFound, ListTooLong.
    """
    _record_of(caller, automation)
    walk = Walk(
        RunRecord,
        automation,
        RunRecord.item,
        low=RUN + ids.ordered_bound(clock.now() - automation_runs.KEPT),
        high=RUN + "~",
        forward=False,
    )

    def fetch(start: Key | None, limit: int) -> tuple[list[Run], Key | None]:
        records, following = walk.read(start, limit)
        return [automation_runs.run_of(each) for each in records], following

    name = paging.name(caller.tenant, caller.owner, "runs", automation, size)
    source: Source[Any] = Source(fetch, walk.skip, walk.count)
    return paging.page(name, number, size, source)
