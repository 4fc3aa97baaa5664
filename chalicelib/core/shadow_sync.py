"""A device's own side of its shadow: reading it, reporting by keys, learning what apps have changed.

A version is a time of the shadow: who holds one has every change up to it.

Ours: the vendor's MQTT document is not public.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from ..aws import iot
from . import devices, downlink, products, shadow_fields
from .downlink import Message, ReportedDownlink
from .shadow_documents import Part
from .shadow_fields import Held, Keys
from .telemetry import Reported
from .things import ThingModel


class State(msgspec.Struct, frozen=True):
    """By key. Where `since` is given, only what was written after it, None standing for what was deleted."""

    version: int
    reported: dict[str, Any]
    desired: dict[str, Any]
    since: int | None = None


def state(device: str, since: int | None) -> State | None:
    """None where there is no such device. All of it where it is not known what was changed since then.

    One AWS call, another where it was changed meanwhile. Raises Busy.
    """
    held = shadow_fields.whole(device)
    if held is None or held.device.deleted:
        return None
    if since is not None:
        changed = _changed(held, since)
        if changed is not None:
            return changed
    document = shadow_fields.document(held)
    return State(held.stamp, document.reported, document.desired)


def _changed(held: Held, since: int) -> State | None:
    if since > held.stamp:
        return None  # no version of this shadow
    reported = shadow_fields.changed_since(held, Part.REPORTED, since)
    desired = shadow_fields.changed_since(held, Part.DESIRED, since)
    if reported is None or desired is None:
        return None
    return State(held.stamp, reported, desired, since)


def placed(device: str, values: Mapping[str, Any], at: int | None) -> tuple[Reported, ...]:
    """The services and names that keys stand for. No AWS call, one where a key without a model has a dot:
    it may be of any service that is known.
    """
    ident = devices.product_of(device)
    product = products.load(ident) if ident is not None else None
    model = products.model_of(product) if product is not None else ThingModel()
    known: Collection[str] = ()
    if model.schemaless and any("." in key for key in values):
        held = shadow_fields.load(device)
        known = held.shadows if held is not None else ()
    keys, services = Keys(model, known), dict[str, dict[str, Any]]()
    for key, value in values.items():
        service, name = keys.place(key)
        services.setdefault(service, {})[name] = value
    return tuple(Reported(service, fields, at) for service, fields in services.items())


def tell(client: str, messages: Iterable[Message]) -> None:
    """Answer a device that has just spoken. One AWS call a message; none is repeated: it asks again."""
    for message in messages:
        iot.send(client, message.topic, message.payload, confirm=False)


def show(held: Held, values: Mapping[str, Any], stamp: int) -> None:
    """Tell a connected device what an app has reported for it. One AWS call, none where its messages have
    no form for it: it reads that with its next look.
    """
    link = held.link
    if link is None or not link.online:
        return
    message = downlink.encode_reported(
        link.dialect, ReportedDownlink(values=dict(values), stamp=stamp, topic_id=link.topic_id)
    )
    if message is not None:
        tell(link.client, [message])
