"""Telling all devices of a control group something at once.

Values that are set are each device's own desired values, written before the call is answered: of two calls
the later one holds, and a repeat changes nothing. A service is called as a batch task of one chunk
(`batch_work`), which gives each device one command in the background. A device that is no longer what it was
when its turn comes is left out: the answer is about the group.

Source: Feiyan 6.8.31, 6.8.32
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..store.batches import BatchRecord, ChunkRecord
from ..store.transactions import Transaction
from . import (
    batch_ends,
    batch_marks,
    batches,
    commands,
    home_documents,
    households,
    identifiers,
    points,
    products,
    shadow_checks,
    thing_calls,
    thing_values,
)
from .batches import NewBatch, Order, Target, TargetKind
from .command_states import IMMEDIATE_LASTS
from .errors import Busy, ControlGroupNotFound, InvalidInput, PolythingError
from .home_documents import ControlGroup
from .things import ThingModel
from .users import Person

AT_ONCE = 8  # devices written at the same time


def set_properties(person: Person, group: str, values: Mapping[str, Any]) -> None:
    """Have each device of the group take these values, by identifier; those of two calls in their order.

    One AWS call, one where the product was not read seconds ago, and two or three a device, several at a
    time. Raises ControlGroupNotFound, InvalidInput, ServiceNotFound, PropertyNotWritable; Busy where one
    of the devices could not be written, once all others are.

    Source: Feiyan 6.8.31
    """
    found = _find(person, group)
    _check_values(_model(found), values)
    if not found.devices:
        return
    with ThreadPoolExecutor(min(AT_ONCE, len(found.devices))) as pool:
        busy = list(pool.map(lambda device: _set(person, device, values), found.devices))
    for each in busy:
        if each is not None:
            raise each


def _set(person: Person, device: str, values: Mapping[str, Any]) -> Busy | None:
    try:
        thing_calls.set_properties(person, device, values)
    except Busy as error:
        return error
    except PolythingError:
        pass  # it, its binding or its model is not what it was when the group was read
    return None


def invoke(person: Person, group: str, identifier: str, args: Mapping[str, Any], *, dialect: str) -> None:
    """Call a service of each device of the group; nobody waits for answers. A command to a device that is
    not connected lasts as long as an immediate one may take to leave.

    Three AWS calls, and one where the product was not read seconds ago. Raises ControlGroupNotFound,
    ServiceNotFound, CommandTypeNotFound, InvalidInput.

    Source: Feiyan 6.8.32
    """
    found = _find(person, group)
    model = _model(found)
    service, method = identifiers.place(model, "commands", identifier)
    thing_values.check_command(model, service, method, args)
    commands.encoded(dict(args))
    if not found.devices:
        return
    task = NewBatch(
        name=f"control group {group}",
        timeout=IMMEDIATE_LASTS,
        target=Target(TargetKind.DEVICES),
        order=Order(service, method, dict(args)),
        dialect=dialect,
    )
    record = batches.new_record(person, task)
    record.uncounted, record.chunks = True, 1
    chunk = batch_marks.new_chunk(record.batch, 0, list(found.devices), int(record.until), int(record.ttl))
    change = Transaction()
    change.put(record, BatchRecord.batch.does_not_exist())
    change.put(chunk, ChunkRecord.batch.does_not_exist())
    change.commit()
    batch_ends.send_out([chunk])


def _find(person: Person, group: str) -> ControlGroup:
    """Raises ControlGroupNotFound."""
    for home in households.read(person).homes:
        if any(each.id == group for each in home.groups):
            return home_documents.group(home, group)
    raise ControlGroupNotFound(group)


def _model(group: ControlGroup) -> ThingModel:
    product = products.load(group.product)
    return products.model_of(product) if product is not None else ThingModel()


def _check_values(model: ThingModel, values: Mapping[str, Any]) -> None:
    """Before anything is sent: what one device refuses, all would. Raises InvalidInput, ServiceNotFound,
    PropertyNotWritable.
    """
    shadow_checks.check_document(values)
    for key, value in values.items():
        if value is None:
            raise InvalidInput(key, "is null")
        service, name = points.place(model, key)
        thing_values.check_desired(model, service, {name: value})
