"""`automation`: rules that act on an application's devices when something holds or a time comes."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from infra.admin import files
from infra.admin.answers import Answer, fields, table, time_text
from infra.admin.parsing import Nouns

if TYPE_CHECKING:
    from chalicelib.core.applications import Caller
    from chalicelib.core.automation_rules import Action, Condition
    from chalicelib.core.automation_runs import Result, Run
    from chalicelib.core.automations import Automation

LISTED = 100  # a page
RUNS = 25


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("automation", "rules that act when something holds or a time comes")
    create_ = verbs.verb(
        "create",
        create,
        "make an automation of a rule, enabled",
        "automation create --application 9a… --file rule.json",
    )
    create_.add_argument("--application", required=True, metavar="ID", help="whose devices it is about")
    create_.add_argument("--file", required=True, type=Path, metavar="PATH", help="the rule (JSON)")
    create_.add_argument("--disabled", action="store_true", help="it does nothing until it is enabled")
    list_ = verbs.verb(
        "list", list_all, "list an application's automations", "automation list --application 9a…"
    )
    list_.add_argument("--application", required=True, metavar="ID")
    show_ = verbs.verb("show", show, "show an automation and its rule", "automation show 4c… --json")
    on = verbs.verb("enable", enable, "let it look at its devices and times", "automation enable 4c…")
    off = verbs.verb("disable", disable, "stop it; its rule and runs stay", "automation disable 4c…")
    delete_ = verbs.verb(
        "delete", delete, "delete it, with its runs", "automation delete 4c…", preview=preview
    )
    runs_ = verbs.verb("runs", runs, "list its runs of fifteen days, newest first", "automation runs 4c…")
    for parser in (show_, on, off, delete_, runs_):
        parser.add_argument("automation", metavar="ID")
    for parser, size in ((list_, LISTED), (runs_, RUNS)):
        help_ = f"which page of {size}, from 0 (%(default)s)"
        parser.add_argument("--page", type=int, default=0, metavar="NUMBER", help=help_)


def create(options: Namespace) -> Answer:
    from chalicelib.core import applications, automations

    rule = files.rule(options.file)
    found = applications.find(options.application)
    caller = applications.Caller(tenant=found.tenant, application=found.id, owner=found.id)
    return _told(automations.create(caller, rule, enabled=not options.disabled))


def preview(options: Namespace) -> Answer:
    from chalicelib.core import automations

    found = automations.find(options.automation)
    return Answer({"id": found.id, "dryRun": True}, f"would delete {found.id} ({found.rule.name})")


def list_all(options: Namespace) -> Answer:
    from chalicelib.core import applications, automations

    found = applications.find(options.application)
    caller = applications.Caller(tenant=found.tenant, application=found.id, owner=found.id)
    page = automations.page(caller, max(options.page, 0), LISTED)
    rows = [(one.id, _state(one), time_text(one.created), one.rule.name) for one in page.items]
    text = table(("ID", "STATE", "CREATED", "NAME"), rows, empty=f"{found.name} has no automation here")
    value = {"total": page.total, "page": page.number, "automations": [_value(one) for one in page.items]}
    return Answer(value, text)


def show(options: Namespace) -> Answer:
    from chalicelib.core import automations

    return _told(automations.find(options.automation))


def enable(options: Namespace) -> Answer:
    from chalicelib.core import automations

    return _told(automations.enable(_owner(options.automation), options.automation))


def disable(options: Namespace) -> Answer:
    from chalicelib.core import automations

    return _told(automations.disable(_owner(options.automation), options.automation))


def delete(options: Namespace) -> Answer:
    from chalicelib.core import automations

    automations.delete(_owner(options.automation), options.automation)
    return Answer({"deleted": options.automation}, f"automation {options.automation} is deleted")


def runs(options: Namespace) -> Answer:
    from chalicelib.core import automations

    page = automations.runs(_owner(options.automation), options.automation, max(options.page, 0), RUNS)
    value = {"total": page.total, "page": page.number, "runs": [_run(one) for one in page.items]}
    text = "\n".join(map(_run_text, page.items)) or "it has no run of the last fifteen days here"
    return Answer(value, text)


def _owner(automation: str) -> "Caller":
    """The application it belongs to."""
    from chalicelib.core import applications, automations

    found = automations.find(automation)
    return applications.Caller(tenant=found.tenant, application=found.owner, owner=found.owner)


def _state(found: "Automation") -> str:
    return "enabled" if found.enabled else "disabled"


def _value(found: "Automation") -> dict[str, Any]:
    return {
        "id": found.id,
        "application": found.owner,
        "author": found.creator,
        "name": found.rule.name,
        "state": _state(found),
        "created": time_text(found.created),
        "modified": time_text(found.modified),
        "rule": msgspec.to_builtins(found.rule),
    }


def _told(found: "Automation") -> Answer:
    value = _value(found)
    shown = {name: each for name, each in value.items() if name != "rule"}
    rule = found.rule
    lines = [fields(shown), f"when {rule.logic} of"]
    lines += [f"  {_condition(each)}" for each in rule.conditions]
    if rule.window:
        lines.append(f"from {rule.window.start} to {rule.window.end} ({rule.window.zone})")
    return Answer(value, "\n".join([*lines, "do", *(f"  {_action(each)}" for each in rule.actions)]))


def _condition(part: "Condition") -> str:
    from chalicelib.core import automation_rules as rules

    if isinstance(part, rules.PropertyCondition):
        subject = f"{part.service}.{part.property} of {part.device}"
        return f"[{part.id}] {subject} {part.operator} {part.value}"
    if isinstance(part, rules.StatusCondition):
        return f"[{part.id}] {part.device} becomes {part.status.value}"
    if isinstance(part, rules.DailyCondition):
        return f"[{part.id}] {part.at} {part.zone} on {' '.join(part.days)}"
    return f"[{part.id}] {part.at.isoformat()} once"


def _action(part: "Action") -> str:
    from chalicelib.core import automation_rules as rules

    if isinstance(part, rules.CommandAction):
        return f"[{part.id}] command {part.service}.{part.method} {part.paras} to {part.device}"
    if isinstance(part, rules.DesiredAction):
        return f"[{part.id}] desire {part.service} {part.values} of {part.device}"
    return f"[{part.id}] notify: {part.text}"


def _run(run: "Run") -> dict[str, Any]:
    return {
        "id": run.id,
        "at": time_text(run.at),
        "status": run.status,
        "reasons": [
            {"condition": each.condition.id, "at": time_text(each.at), "value": each.value}
            for each in run.reasons
        ],
        "results": [
            {"action": action.id, **({"pending": True} if made is None else msgspec.to_builtins(made))}
            for action, made in zip(run.rule.actions, run.results, strict=True)
        ],
    }


def _run_text(run: "Run") -> str:
    lines = [f"{time_text(run.at)}  {run.status}  {run.id}"]
    for reason in run.reasons:
        value = "" if reason.value is None else f": {reason.value}"
        lines.append(f"  because {_condition(reason.condition)}{value} ({time_text(reason.at)})")
    if run.status in ("OPEN", "DONE"):
        lines += [
            f"  {_action(action)}: {_outcome(made)}"
            for action, made in zip(run.rule.actions, run.results, strict=True)
        ]
    return "\n".join(lines)


def _outcome(made: "Result | None") -> str:
    if made is None:
        return "not done yet"
    if made.error:
        return f"{made.error} {made.detail or ''}".rstrip()
    return f"command {made.command}" if made.command else "done"
