"""Automations: rules that act when something holds or a time comes."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw

from ....core import applications, automation_rules, automations
from ....core import errors as core
from ....core.applications import Caller
from ....core.automation_runs import Run
from ....core.automations import Automation
from ....web.operations import Call
from .. import declaring
from ..declaring import DESTROY, WRITE
from ..schema import ApplicationPath, Destroyed, Destroying, Id, PageQuery, Wire, time_of, time_or_none

SWITCHES = (
    core.AutomationNotFound,
    core.InvalidInput,
    core.DeviceNotFound,
    core.TooManyAutomations,
    core.Busy,
)


class AutomationPath(Wire, frozen=True):
    automation_id: Id


class NewAutomation(Wire, frozen=True):
    """`rule` as docs/automations.md describes it."""

    rule: Raw
    enabled: bool = True


class EnabledBody(Wire, frozen=True):
    enabled: bool


class AutomationShown(Wire, frozen=True, omit_defaults=False):
    id: str
    application_id: str
    enabled: bool
    created: datetime
    modified: datetime
    rule: Raw


class AutomationList(Wire, frozen=True):
    """`total` is over all pages."""

    automations: list[AutomationShown]
    total: int


class RunShown(Wire, frozen=True):
    """`results` run parallel to the rule's actions; null is not done yet."""

    id: str
    at: datetime
    status: str
    reasons: list[Any]
    results: list[Any]
    finished: datetime | None = None


class RunList(Wire, frozen=True):
    runs: list[RunShown]
    total: int


@declaring.get("/applications/{applicationId}/automations", raises=(core.ApplicationNotFound,))
def list_automations(call: Call[ApplicationPath, PageQuery, None]) -> AutomationList:
    """List an application's automations, newest first."""
    caller = applications.caller_for(call.path.application_id)
    found = automations.page(caller, call.query.page, call.query.limit)
    return AutomationList([shown(each) for each in found.items], found.total)


@declaring.post(
    "/applications/{applicationId}/automations",
    scopes=(WRITE,),
    action="automation.create",
    makes=True,
    status=201,
    raises=(
        core.ApplicationNotFound,
        core.InvalidInput,
        core.DeviceNotFound,
        core.TooManyAutomations,
        core.Busy,
    ),
)
def create_automation(call: Call[ApplicationPath, None, NewAutomation]) -> AutomationShown:
    """Make an automation of a rule."""
    caller = applications.caller_for(call.path.application_id)
    return shown(automations.create(caller, bytes(call.body.rule), enabled=call.body.enabled))


@declaring.get("/automations/{automationId}", raises=(core.AutomationNotFound,))
def get_automation(call: Call[AutomationPath, None, None]) -> AutomationShown:
    """Show an automation with its rule."""
    return shown(automations.find(call.path.automation_id))


@declaring.put(
    "/automations/{automationId}/enabled", scopes=(WRITE,), action="automation.switch", raises=SWITCHES
)
def switch_automation(call: Call[AutomationPath, None, EnabledBody]) -> AutomationShown:
    """Let an automation look at its devices and times from now on, or no more."""
    found = automations.find(call.path.automation_id)
    act = automations.enable if call.body.enabled else automations.disable
    return shown(act(_owner(found), found.id))


@declaring.delete(
    "/automations/{automationId}",
    scopes=(DESTROY,),
    action="automation.delete",
    raises=(core.AutomationNotFound, core.Busy),
)
def delete_automation(call: Call[AutomationPath, Destroying, None]) -> Destroyed:
    """Delete an automation with its runs; one under way is finished."""
    found = automations.find(call.path.automation_id)
    if not call.query.dry_run:
        automations.delete(_owner(found), found.id)
    return Destroyed("automation", found.id, found.rule.name, call.query.dry_run)


@declaring.get("/automations/{automationId}/runs", raises=(core.AutomationNotFound, core.ListTooLong))
def list_runs(call: Call[AutomationPath, PageQuery, None]) -> RunList:
    """List its runs of the last fifteen days, newest first."""
    found = automations.find(call.path.automation_id)
    page = automations.runs(_owner(found), found.id, call.query.page, call.query.limit)
    return RunList([_run(each) for each in page.items], page.total)


def shown(found: Automation) -> AutomationShown:
    return AutomationShown(
        found.id,
        found.owner,
        found.enabled,
        time_of(found.created),
        time_of(found.modified),
        Raw(automation_rules.text_of(found.rule).encode()),
    )


def _run(found: Run) -> RunShown:
    reasons, results = msgspec.to_builtins(found.reasons), msgspec.to_builtins(found.results)
    return RunShown(found.id, time_of(found.at), found.status, reasons, results, time_or_none(found.finished))


def _owner(found: Automation) -> Caller:
    return Caller(tenant=found.tenant, application=found.owner, owner=found.owner)
