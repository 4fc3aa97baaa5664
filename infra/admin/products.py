"""`product`: what devices of one make have in common, loaded from their maker's profile."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.admin import files
from infra.admin.answers import Answer, fields, table, time_text
from infra.admin.parsing import Nouns

if TYPE_CHECKING:
    from chalicelib.core.products import Product
    from chalicelib.core.things import Service

PROFILE = "the maker's Huawei device profile: a zip, the folder in it, or one JSON file; or as --format says"
FORMATS = ("huawei", "feiyan", "xlink", "polything")
LAYOUT = "field layout (JSON) of binary payloads; its form is in chalicelib/core/layouts.py"


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("product", "what devices of one make have in common, with their thing model")
    import_ = verbs.verb(
        "import",
        import_profile,
        "make a product from a device profile",
        "product import --tenant 3f… --profile meter-profile.zip",
    )
    import_.add_argument("--tenant", required=True, metavar="ID")
    _path(import_, "--profile", PROFILE, required=True)
    _format(import_)
    import_.add_argument("--name", help="what people call it (the profile's model)")
    kinds = ("endpoint", "gateway")
    import_.add_argument("--node-type", choices=kinds, default="endpoint", help="(%(default)s)")
    _path(import_, "--layout", LAYOUT)
    list_ = verbs.verb("list", list_all, "list a tenant's products", "product list --tenant 3f…")
    list_.add_argument("--tenant", required=True, metavar="ID")
    show_ = verbs.verb("show", show, "show a product and its thing model", "product show 5d… --json")
    show_.add_argument("product", metavar="ID")
    key = "show a product's key: CTWing's MasterKey, XLink's product key"
    key_ = verbs.verb("show-key", show_key, key, "product show-key 5d…")
    key_.add_argument("product", metavar="ID")
    model = "replace the thing model; devices and their data stay"
    model_ = verbs.verb("set-model", set_model, model, "product set-model 5d… --profile meter-2.zip")
    model_.add_argument("product", metavar="ID")
    _path(model_, "--profile", PROFILE, required=True)
    _format(model_)
    export = "print the thing model in a format"
    export_ = verbs.verb("export", export_model, export, "product export 5d… --format feiyan > tsl.json")
    export_.add_argument("product", metavar="ID")
    _format(export_)
    delete_ = verbs.verb(
        "delete",
        delete,
        "delete a product that has no devices and is not released",
        "product delete 5d… --dry-run",
        preview=preview,
    )
    delete_.add_argument("product", metavar="ID")
    layout = "replace or remove the layout of binary payloads"
    layout_ = verbs.verb("set-layout", set_layout, layout, "product set-layout 5d… --layout meter.json")
    layout_.add_argument("product", metavar="ID")
    choice = layout_.add_mutually_exclusive_group(required=True)
    choice.add_argument("--layout", type=Path, metavar="FILE", help=LAYOUT)
    choice.add_argument("--none", action="store_true", help="binary payloads become rawData again")


def _format(parser: ArgumentParser) -> None:
    formats = "huawei (%(default)s), feiyan (TSL), xlink (data points) or polything (nothing is lost)"
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], metavar="FORMAT", help=formats)


def _path(parser: ArgumentParser, name: str, help_: str, *, required: bool = False) -> None:
    parser.add_argument(name, type=Path, metavar="PATH", required=required, help=help_)


def import_profile(options: Namespace) -> Answer:
    from chalicelib.core import applications, products

    read = files.model(options.profile, options.format)
    layout = files.layout(options.layout) if options.layout else None
    tenant = applications.get_tenant(options.tenant)
    name = options.name or read.facts.model or read.facts.device_type or options.profile.stem
    kind = products.NodeType(options.node_type.upper())
    return _told(products.create(tenant.id, name, read.things, read.facts, kind, layout))


def list_all(options: Namespace) -> Answer:
    from chalicelib.core import applications, products

    tenant = applications.get_tenant(options.tenant)
    found = products.list_products(tenant.id)
    rows = [
        (one.id, one.name, one.node_type.value.lower(), one.manufacturer_name or "", one.model or "")
        for one in found
    ]
    heads = ("ID", "NAME", "NODE TYPE", "MANUFACTURER", "MODEL")
    text = table(heads, rows, empty=f"{tenant.name} has no product")
    return Answer([_value(one) for one in found], text)


def show(options: Namespace) -> Answer:
    return _told(_found(options.product))


def show_key(options: Namespace) -> Answer:
    from chalicelib.core import products

    value = {"id": options.product, "key": products.key_of(_found(options.product))}
    return Answer(value, fields(value))


def set_model(options: Namespace) -> Answer:
    from chalicelib.core import products

    read = files.model(options.profile, options.format)
    current = _found(options.product)
    return _told(products.set_model(current.tenant, current.id, read.things))


def export_model(options: Namespace) -> Answer:
    """Only JSON: it is for a file."""
    from chalicelib.core import products
    from chalicelib.formats import models
    from chalicelib.formats.models import Format

    found = _found(options.product)
    value = models.write(Format(options.format), found, products.model_of(found))
    return Answer(value, json.dumps(value, indent=2, ensure_ascii=False))


def delete(options: Namespace) -> Answer:
    from chalicelib.core import product_changes

    found = _found(options.product)
    product_changes.delete(found.tenant, found.id)
    return Answer({"id": found.id}, f"deleted {found.id} ({found.name})")


def preview(options: Namespace) -> Answer:
    from chalicelib.core import product_changes

    found = _found(options.product)
    product_changes.check_deletable(found.tenant, found.id)
    return Answer({**_value(found), "dryRun": True}, f"would delete {found.id} ({found.name})")


def set_layout(options: Namespace) -> Answer:
    from chalicelib.core import products

    layout = None if options.none else files.layout(options.layout)
    current = _found(options.product)
    return _told(products.set_layout(current.tenant, current.id, layout))


def _found(product: str) -> "Product":
    from chalicelib.core import products
    from chalicelib.core.errors import ProductNotFound

    found = products.load(product)
    if found is None:
        raise ProductNotFound(product)
    return found


def _value(found: "Product") -> dict[str, Any]:
    return {
        "id": found.id,
        "number": found.number,
        "shortId": found.short_id,
        "tenant": found.tenant,
        "name": found.name,
        "nodeType": found.node_type.value.lower(),
        "manufacturerId": found.manufacturer_id,
        "manufacturerName": found.manufacturer_name,
        "deviceType": found.device_type,
        "model": found.model,
        "protocolType": found.protocol_type,
        "created": time_text(found.created),
        "modified": time_text(found.modified),
    }


def _told(found: "Product") -> Answer:
    """Everything: facts, thing model and layout."""
    from chalicelib.core import products

    value = _value(found)
    layout = json.loads(found.layout) if found.layout else None
    services = products.model_of(found).services
    lines = [fields({**value, "layout": "yes" if layout else "none"}), *map(_service, services)]
    if not services:
        lines.append("no service is described: devices may report anything")
    thing_model = json.loads(found.things)
    return Answer({**value, "thingModel": thing_model, "layout": layout}, "\n".join(lines))


def _service(service: "Service") -> str:
    """One line a property and command, with what is asked for most: type, bounds and access."""
    lines = [f"service {service.id}"]
    for prop in service.properties:
        bounds = f" {prop.min}..{prop.max}" if prop.min or prop.max else ""
        lines.append(f"  property {prop.name}: {prop.data_type.value}{bounds} {prop.method or ''}".rstrip())
    for command in service.commands:
        names = ", ".join(f"{each.name}: {each.data_type.value}" for each in command.parameters)
        lines.append(f"  command {command.name}({names})")
    return "\n".join(lines)
