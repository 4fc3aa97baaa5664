"""Every command that changes something stands in the audit log, whoever was refused included.

The entry names who is logged in on this machine, which is what they say; whose AWS credentials they use is in
AWS's own CloudTrail.
"""

import getpass
import socket
from argparse import Namespace
from typing import TYPE_CHECKING

from infra.admin.answers import Answer

if TYPE_CHECKING:
    from chalicelib.core.audit import Actor

READS = {"list", "show", "runs", "search", "log", "export"}  # verbs that change nothing and show no secret
MAKES = {"create", "import", "upload"}
PARTS = {
    ("package", "upload"),
    ("package", "delete"),
    ("callback", "replay"),
}  # these are more than one transaction
NAMED = (
    *("tenant", "application", "owner", "grantee", "key", "account", "product", "package", "device"),
    *("gateway", "automation", "operator", "version"),
)


def performed(options: Namespace) -> Answer:
    """Run the command, or with --dry-run its preview."""
    from chalicelib.core import audit

    if getattr(options, "dry_run", False):
        previewed: Answer = options.preview(options)
        return previewed
    if options.verb in READS:
        read: Answer = options.run(options)
        return read
    named = {
        name: str(value) for name in NAMED if isinstance(value := getattr(options, name, None), str | int)
    }
    whole = (options.noun, options.verb) not in PARTS
    with audit.recorded(_actor(), f"{options.noun}.{options.verb}", named, whole=whole) as note:
        answer: Answer = options.run(options)
        note.made = answer.value["id"] if options.verb in MAKES else None
    return answer


def name() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a container without names
        return f"someone@{socket.gethostname()}"


def _actor() -> "Actor":
    from chalicelib.core.audit import Actor

    return Actor("cli", name())
