"""`encryption`: the data keys that encrypt secrets."""

from argparse import ArgumentParser, Namespace

from infra.admin import jobs
from infra.admin.answers import Answer, table, time_text
from infra.admin.parsing import Nouns


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("encryption", "the data keys that encrypt secrets")
    verbs.verb("show", show, "show the versions and the last count", "encryption show")
    rotate_ = verbs.verb(
        "rotate",
        rotate,
        "make a new data key and encrypt every stored secret anew under it",
        "encryption rotate --wait",
        preview=count,
    )
    jobs.wait(rotate_)
    retire_ = verbs.verb(
        "retire",
        retire,
        "destroy an older data key for good; refused while a secret may stand under it",
        "encryption retire 1",
        preview=preview,
    )
    _version(retire_)


def _version(parser: ArgumentParser) -> None:
    parser.add_argument("version", type=int, metavar="VERSION")


def show(options: Namespace) -> Answer:
    from chalicelib.core import key_versions

    held = key_versions.show()
    counted = time_text(held.counted) if held.counted else None
    value = {
        "versions": [
            {
                "version": each.version,
                "current": each.current,
                "made": time_text(each.made) if each.made else None,
                "secrets": each.secrets,
            }
            for each in held.versions
        ],
        "counted": counted,
        "unreadable": held.unreadable,
        "rotation": held.job,
    }
    rows = [
        (
            str(each.version),
            "current" if each.current else "decrypts",
            time_text(each.made) if each.made else "",
            "not counted" if each.secrets is None else str(each.secrets),
        )
        for each in held.versions
    ]
    text = table(("VERSION", "STATE", "MADE", "SECRETS"), rows, empty="there is no data key")
    if counted:
        text += f"\ncounted {counted}"
    if held.unreadable:
        text += f"\n{held.unreadable} secrets are unreadable: the log of the function work names them"
    return Answer(value, text)


def rotate(options: Namespace) -> Answer:
    from chalicelib.core import key_versions

    held = key_versions.show()
    total = sum(each.secrets or 0 for each in held.versions) or None
    return jobs.told(key_versions.rotate(), wait=options.wait, total=total)


def count(options: Namespace) -> Answer:
    """What a rotation would do, as a job counts it."""
    from chalicelib.core import key_versions

    return jobs.told(key_versions.count(), wait=options.wait)


def retire(options: Namespace) -> Answer:
    from chalicelib.core import key_versions

    key_versions.retire(options.version)
    return Answer({"version": options.version}, f"version {options.version} is gone")


def preview(options: Namespace) -> Answer:
    from chalicelib.core import key_versions

    key_versions.check(options.version)
    return Answer(
        {"version": options.version, "dryRun": True},
        f"would destroy version {options.version}: no secret stands under it",
    )
