"""`job`: long work, and how far it is."""

import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from infra.admin.answers import Answer, fields, table, time_text
from infra.admin.parsing import Nouns
from infra.admin.progress import bar

if TYPE_CHECKING:
    from chalicelib.core.jobs import Job

EVERY = 0.5  # s between two looks


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("job", "long work, and how far it is")
    verbs.verb("list", list_all, "list the last hundred, newest first", "job list")
    show_ = verbs.verb("show", show, "show how far a job is", "job show 5d… --wait")
    show_.add_argument("job", metavar="ID")
    wait(show_)


def wait(parser: ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="until it is done, with its progress")


def list_all(options: Namespace) -> Answer:
    from chalicelib.core import jobs

    found = jobs.list_jobs()
    rows = [
        (one.id, one.kind, one.state.value, str(one.done), str(one.left_out), time_text(one.started))
        for one in found
    ]
    heads = ("ID", "KIND", "STATE", "DONE", "LEFT OUT", "STARTED")
    return Answer([value(one) for one in found], table(heads, rows, empty="there is no job"))


def show(options: Namespace) -> Answer:
    from chalicelib.core import jobs

    return told(jobs.find(options.job), wait=options.wait)


def told(found: "Job", *, wait: bool, total: int | None = None) -> Answer:
    """Where it is wanted, once it is done."""
    from chalicelib.core import jobs

    with bar(found.kind, total) as shown:
        while wait and found.state is jobs.State.RUNNING:
            shown.show(found.done + found.left_out)
            time.sleep(EVERY)
            found = jobs.find(found.id)
    return Answer(value(found), fields(value(found)))


def value(found: "Job") -> dict[str, Any]:
    return {
        "id": found.id,
        "kind": found.kind,
        "state": found.state.value,
        "done": found.done,
        "leftOut": found.left_out,
        "started": time_text(found.started),
        "changed": time_text(found.changed),
    }
