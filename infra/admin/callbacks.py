"""`callback`: who is told, what became of it, and telling again."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from infra.admin import jobs
from infra.admin.answers import Answer, table, time_text
from infra.admin.parsing import Nouns
from infra.admin.times import millis

if TYPE_CHECKING:
    from chalicelib.core.callback_targets import Told
    from chalicelib.core.delivery_log import Attempt

LINE = "a subscription or forwarding rule; URLs of commands where it is left out"


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("callback", "who is told, what became of it, and telling again")
    list_ = verbs.verb(
        "list",
        list_all,
        "list an application's subscriptions and rules, and how their targets do",
        "callback list --application 9a…",
    )
    _application(list_)
    log_ = verbs.verb(
        "log",
        log,
        "list the tries of seven days, newest first",
        "callback log --application 9a… --subscription 5d…",
    )
    _line(log_)
    log_.add_argument("--cursor", metavar="TEXT", help="the cursor that the page before gave")
    log_.add_argument("--limit", type=int, default=50, metavar="NUMBER", help="entries (%(default)s)")
    replay_ = verbs.verb(
        "replay",
        replay,
        "make deliveries again, each under its own id",
        "callback replay --application 9a… --subscription 5d… --from 2026-11-22T08:00:00Z --wait",
    )
    _line(replay_)
    replay_.add_argument("--entry", metavar="ID", help="only this one of the log")
    arrived = "those that arrived, too, not only those given up"
    replay_.add_argument("--delivered", action="store_true", help=arrived)
    jobs.wait(replay_)
    dead_ = verbs.verb(
        "replay-dead-letters",
        replay_dead_letters,
        "try all that was given up by now once more, of all applications",
        "callback replay-dead-letters --wait",
    )
    jobs.wait(dead_)
    resume_ = verbs.verb(
        "resume",
        resume,
        "send to a paused or failing target again at once",
        "callback resume --application 9a… --target https://app.example:443",
    )
    _application(resume_)
    resume_.add_argument("--target", required=True, metavar="ORIGIN", help="as `list` shows it")


def _application(parser: ArgumentParser) -> None:
    parser.add_argument("--application", required=True, metavar="ID", help="who is told")


def _line(parser: ArgumentParser) -> None:
    _application(parser)
    parser.add_argument("--subscription", default="", metavar="ID", help=LINE)
    for name, help_ in (("--from", "not before this time"), ("--to", "before this time")):
        parser.add_argument(name, dest=f"{name.strip('-')}_", metavar="TIME", help=help_)


def list_all(options: Namespace) -> Answer:
    from chalicelib.core import applications, callback_targets

    application = applications.find(options.application)
    return _told(callback_targets.list_told(application.id))


def resume(options: Namespace) -> Answer:
    from chalicelib.core import applications, callback_targets

    application = applications.find(options.application)
    callback_targets.resume(application.id, options.target)
    found = callback_targets.list_told(application.id)
    return _told([each for each in found if each.origin == options.target])


def log(options: Namespace) -> Answer:
    from chalicelib.core import applications, delivery_log

    application = applications.find(options.application)
    line = delivery_log.line(application.id, options.subscription)
    size = min(max(options.limit, 1), delivery_log.MOST_LISTED)
    since, until = millis("--from", options.from_), millis("--to", options.to_)
    found = delivery_log.page(line, since, until, options.cursor, size)
    rows = [
        (
            *(time_text(one.at), one.id, one.notify_type, one.outcome, str(one.tries)),
            *(str(one.status or ""), "" if one.ms is None else f"{one.ms} ms", one.reason or ""),
        )
        for one in found.attempts
    ]
    heads = ("TIME", "ID", "TYPE", "OUTCOME", "TRY", "STATUS", "TOOK", "REASON")
    text = table(heads, rows, empty="nothing is logged")
    if found.cursor:
        text += f"\nmore: --cursor {found.cursor}"
    value = {"deliveries": [_attempt(one) for one in found.attempts], "cursor": found.cursor}
    return Answer(value, text)


def replay(options: Namespace) -> Answer:
    from chalicelib.core import applications, clock, events, replays
    from chalicelib.core.errors import InvalidInput
    from chalicelib.handlers import wiring

    application, now = applications.find(options.application), clock.now()
    if options.entry:
        wiring.wire()
        ident = replays.one(application.id, options.subscription, options.entry)
        return Answer({"delivery": ident}, f"{ident} is on its way")
    since, until = millis("--from", options.from_), millis("--to", options.to_)
    if since is None:
        raise InvalidInput("--from", "is missing: give it, or an --entry of the log", missing=True)
    since, until = max(since, now - events.KEPT), min(now if until is None else until, now)
    job = replays.of_time(application.id, options.subscription, since, until, delivered=options.delivered)
    return jobs.told(job, wait=options.wait)


def replay_dead_letters(options: Namespace) -> Answer:
    from chalicelib.core import replays

    return jobs.told(replays.dead_letters(), wait=options.wait)


def _told(found: "list[Told]") -> Answer:
    rows = [(one.id, one.dialect, " ".join(one.notify_types), one.origin, _health(one)) for one in found]
    heads = ("ID", "DIALECT", "TYPES", "TARGET", "STATE")
    return Answer([_value(one) for one in found], table(heads, rows, empty="nobody is told"))


def _health(found: "Told") -> str:
    health = found.health
    if health.paused:
        return f"paused since {time_text(health.paused)}"
    return f"{health.failures} failures since {time_text(health.since)}" if health.failures else "ok"


def _value(found: "Told") -> dict[str, Any]:
    health = found.health
    return {
        "id": found.id,
        "kind": found.kind,
        "dialect": found.dialect,
        "notifyTypes": list(found.notify_types),
        "target": found.origin,
        "created": time_text(found.created),
        "failures": health.failures,
        "failingSince": time_text(health.since) if health.since else None,
        "pausedSince": time_text(health.paused) if health.paused else None,
    }


def _attempt(found: "Attempt") -> dict[str, Any]:
    return {
        "id": found.id,
        "at": time_text(found.at),
        "delivery": found.delivery,
        "notifyType": found.notify_type,
        "target": found.target,
        "outcome": found.outcome,
        "tries": found.tries,
        "status": found.status,
        "ms": found.ms,
        "reason": found.reason,
    }
