"""What Huawei's platform pushes when a rule has run. Source: Huawei 1.8.13

The types beside DEVICE_CMD, and what `info` holds, are ours: the document leaves them open.
"""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ...core import errors as core
from ...core.automation_rules import (
    Action,
    CommandAction,
    Condition,
    DailyCondition,
    DesiredAction,
    MomentCondition,
    NotificationAction,
    PropertyCondition,
    Rule,
    StatusCondition,
)
from ...core.automation_runs import Result
from ...core.automation_states import Reason
from ...core.callbacks import Notification
from ...core.errors import PolythingError
from ...core.events import Event
from .api import api
from .errors import fault
from .schema import Wire, format_time, required_time

KIND = "ruleEvent"
LOGIC = {"all": "and", "any": "or"}
TYPES: dict[type[Condition | Action], str] = {
    PropertyCondition: "DEVICE_DATA",
    StatusCondition: "DEVICE_STATUS",
    DailyCondition: "DAILY_TIMER",
    MomentCondition: "SIMPLE_TIMER",
    CommandAction: "DEVICE_CMD",
    DesiredAction: "DEVICE_SHADOW",
    NotificationAction: "NOTIFICATION",
}


class RuleReason(Wire, frozen=True, rename="camel"):
    """`transInfo` is the condition's note."""

    satisfaction_time: str
    type: str
    id: str
    info: dict[str, Any]
    trans_info: dict[str, Any] | UnsetType = UNSET


class ActionResult(Wire, frozen=True, rename="camel"):
    """Either `result`, a status code and body, or `exception`. `transInfo` is the action's note."""

    type: str
    id: str
    info: dict[str, Any]
    exception: str | UnsetType = UNSET
    result: dict[str, Any] | UnsetType = UNSET
    trans_info: dict[str, Any] | UnsetType = UNSET


class RuleEvent(Wire, frozen=True, rename="camel"):
    """`author` is the application that made the rule; `logic` is and, or."""

    notify_type: str
    author: str
    rule_id: str
    rule_name: str
    logic: str
    reasons: list[RuleReason]
    trigger_time: str
    actions_results: list[ActionResult]


api.webhook(KIND, RuleEvent, source="Huawei 1.8.13", summary="A rule was triggered and its actions are done.")


def render(event: Event) -> list[Notification]:
    data = event.data
    rule = msgspec.convert(data["rule"], Rule)
    reasons = msgspec.convert(data["reasons"], list[Reason])
    results = msgspec.convert(data["results"], list[Result])
    push = RuleEvent(
        KIND,
        data["author"],
        data["automation"],
        rule.name,
        LOGIC[rule.logic],
        [_reason(each) for each in reasons],
        required_time(data["at"]),
        [_result(action, made) for action, made in zip(rule.actions, results, strict=True)],
    )
    return [Notification(KIND, msgspec.json.encode(push))]


def _reason(reason: Reason) -> RuleReason:
    condition = reason.condition
    return RuleReason(
        required_time(reason.at), TYPES[type(condition)], condition.id, _reason_info(reason), _note(condition)
    )


def _reason_info(reason: Reason) -> dict[str, Any]:
    condition = reason.condition
    if isinstance(condition, PropertyCondition):
        return {
            "deviceId": condition.device,
            "serviceId": condition.service,
            "propertyName": condition.property,
            "operator": condition.operator,
            "threshold": condition.value,
            "value": reason.value,
        }
    if isinstance(condition, StatusCondition):
        return {"deviceId": condition.device, "status": condition.status.value}
    if isinstance(condition, DailyCondition):
        return {"time": condition.at, "daysOfWeek": list(condition.days), "timeZone": condition.zone}
    return {"time": format_time(int(condition.at.timestamp() * 1000))}


def _result(action: Action, made: Result) -> ActionResult:
    shown = ActionResult(TYPES[type(action)], action.id, _action_info(action), trans_info=_note(action))
    if made.error is None:
        return msgspec.structs.replace(shown, result=_done(action, made))
    kind = getattr(core, made.error, None)
    if not isinstance(kind, type) or not issubclass(kind, PolythingError):
        return msgspec.structs.replace(shown, exception=made.error)
    found = fault(kind, None)
    body = {"error_code": found.code, "error_desc": found.text}
    return msgspec.structs.replace(shown, result={"statusCode": found.status, "body": body})


def _done(action: Action, made: Result) -> dict[str, Any]:
    """As the calls that do the same answer: 1.9.1, 1.5.8."""
    if isinstance(action, CommandAction):
        return {"statusCode": 201, "body": {"deviceId": action.device, "commandId": made.command}}
    return {"statusCode": 200, "body": {}}


def _action_info(action: Action) -> dict[str, Any]:
    if isinstance(action, CommandAction):
        return {
            "deviceId": action.device,
            "serviceId": action.service,
            "method": action.method,
            "paras": action.paras,
        }
    if isinstance(action, DesiredAction):
        return {"deviceId": action.device, "serviceId": action.service, "desired": action.values}
    return {"text": action.text}


def _note(part: Condition | Action) -> dict[str, Any] | UnsetType:
    return UNSET if part.note is None else part.note
