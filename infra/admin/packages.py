"""`package`: software and firmware that devices of an application can be upgraded to."""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from infra.admin.answers import Answer, fields, table, time_text
from infra.admin.errors import Unreadable
from infra.admin.parsing import Nouns
from infra.admin.progress import Watched, bar

if TYPE_CHECKING:
    from chalicelib.core.applications import Caller
    from chalicelib.core.packages import Package

TYPES = ("software", "firmware")
MAKE = (("--device-type", "deviceType"), ("--model", "model"), ("--manufacturer-name", "manufacturerName"))


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("package", "software and firmware that devices can be upgraded to")
    upload_ = verbs.verb(
        "upload",
        upload,
        "store a package; it can be used at once",
        "package upload m2.bin --application 3f… --type firmware --name meter --version 2.0 --product 5d…",
    )
    upload_.add_argument("file", type=Path, metavar="FILE")
    upload_.add_argument("--application", required=True, metavar="ID")
    upload_.add_argument("--type", required=True, choices=TYPES, metavar="TYPE", help="software or firmware")
    upload_.add_argument("--name", required=True, metavar="NAME")
    upload_.add_argument("--version", required=True, metavar="VERSION", help="as devices report it")
    upload_.add_argument("--product", metavar="ID", help="take the make of the devices from it")
    for option, name in MAKE:
        upload_.add_argument(option, metavar="TEXT", help=f"{name} of the devices (the product's)")
    upload_.add_argument("--protocol-type", metavar="TEXT", help="(the product's)")
    upload_.add_argument("--description", metavar="TEXT")
    upload_.add_argument("--date", metavar="DAY", help="day it was made, yyyy-mm-dd (the file's)")
    list_ = verbs.verb("list", list_all, "list an application's packages", "package list --application 3f…")
    list_.add_argument("--application", required=True, metavar="ID")
    _one(verbs.verb("show", show, "show a package", "package show 7c…"))
    _one(verbs.verb("delete", delete, "delete a package and its file", "package delete 7c…", preview=preview))


def _one(parser: ArgumentParser) -> None:
    parser.add_argument("package", metavar="ID")


def upload(options: Namespace) -> Answer:
    from chalicelib.core import packages
    from chalicelib.core.packages import NewPackage, Type

    caller = _caller(options.application)
    make = _make(options, caller.tenant)
    try:
        with options.file.open("rb") as source:
            new = NewPackage(
                type=Type(options.type),
                name=options.name,
                version=options.version,
                made=_day(options),
                description=options.description,
                **make,
            )
            with bar("uploading", options.file.stat().st_size) as shown:
                return _told(packages.create(caller, new, cast("BinaryIO", Watched(source, shown))))
    except OSError as error:
        raise Unreadable(f"{options.file} cannot be read: {error.strerror}") from error


def _make(options: Namespace, tenant: str) -> dict[str, Any]:
    """What is given, else the product's. Raises InvalidInput where one is missing."""
    from chalicelib.core import products

    product = products.get(tenant, options.product) if options.product else None
    names = ("device_type", "model", "manufacturer_name", "protocol_type")
    return {name: getattr(options, name) or getattr(product, name, None) or _missing(name) for name in names}


def _missing(name: str) -> str | None:
    from chalicelib.core.errors import InvalidInput

    if name == "protocol_type":
        return None
    raise InvalidInput(f"--{name.replace('_', '-')}", "is missing: give it, or a --product that has it")


def _day(options: Namespace) -> str:
    from chalicelib.core.errors import InvalidInput

    if not options.date:
        return datetime.fromtimestamp(options.file.stat().st_mtime, UTC).strftime("%Y-%m-%d")
    try:
        return datetime.strptime(options.date, "%Y-%m-%d").replace(tzinfo=UTC).strftime("%Y-%m-%d")
    except ValueError as error:
        raise InvalidInput("--date", "is no day of the form yyyy-mm-dd") from error


def list_all(options: Namespace) -> Answer:
    from chalicelib.core import packages
    from chalicelib.core.packages import Filter

    caller = _caller(options.application)
    found, number = [], 0
    while True:
        page = packages.page(caller, Filter(), number, 100)
        found += page.items
        number += 1
        if number * 100 >= page.total:
            break
    rows = [
        (one.id, one.type.value, one.name, one.version, one.manufacturer_name, one.model, str(one.size))
        for one in found
    ]
    heads = ("ID", "TYPE", "NAME", "VERSION", "MANUFACTURER", "MODEL", "BYTES")
    text = table(heads, rows, empty="the application has no package")
    return Answer([_value(one) for one in found], text)


def show(options: Namespace) -> Answer:
    from chalicelib.core import packages

    return _told(packages.find(options.package))


def delete(options: Namespace) -> Answer:
    from chalicelib.core import packages
    from chalicelib.core.applications import Caller

    found = packages.find(options.package)
    packages.delete(Caller(found.tenant, found.owner, found.owner), found.id)
    return Answer({"id": found.id}, f"deleted {found.name} {found.version}")


def preview(options: Namespace) -> Answer:
    from chalicelib.core import packages

    found = packages.find(options.package)
    return Answer({**_value(found), "dryRun": True}, f"would delete {found.name} {found.version}")


def _caller(application: str) -> "Caller":
    from chalicelib.core import applications
    from chalicelib.core.applications import Caller

    found = applications.find(application)
    return Caller(found.tenant, found.id, found.id)


def _value(found: "Package") -> dict[str, Any]:
    return {
        "id": found.id,
        "application": found.owner,
        "type": found.type.value,
        "name": found.name,
        "version": found.version,
        "deviceType": found.device_type,
        "model": found.model,
        "manufacturerName": found.manufacturer_name,
        "protocolType": found.protocol_type,
        "description": found.description,
        "date": found.made,
        "uploaded": time_text(found.uploaded),
        "bytes": found.size,
        "sha256": found.sha256,
    }


def _told(found: "Package") -> Answer:
    return Answer(_value(found), fields(_value(found)))
