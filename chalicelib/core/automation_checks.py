"""Whether what a rule names is there: devices of the application, and what their thing models have.

Says also what the rule's conditions come to at this moment, from the same reading.
"""

import msgspec

from ..store.devices import DEVICE, SHADOW, DeviceItem, DeviceRecord, ShadowRecord
from . import (
    automation_rules,
    automation_states,
    clock,
    devices,
    products,
    shadow_documents,
    thing_values,
)
from .applications import Caller
from .automation_rules import CommandAction, DesiredAction, PropertyCondition, Rule
from .automation_states import STATUS, Facts, States
from .errors import (
    CommandTypeNotFound,
    DeviceNotFound,
    InvalidInput,
    PropertyNotWritable,
    ServiceNotFound,
    TooManyAutomations,
)
from .things import FRACTIONS, INTEGERS, DataType

MOST_ON_DEVICE = 50  # enabled ones: one read finds them all with their states
_NUMERIC = {*INTEGERS, *FRACTIONS, DataType.DATE}


def checked(caller: Caller, rule: Rule, *, looks: bool) -> States:
    """What the rule's conditions come to now. Raises what is wrong with the devices it names; where it
    is to look at them, also that they have no room.

    One AWS call, and one for each product that was not read seconds ago.
    """
    keys = _keys(rule)
    found = {(each.device, each.item): each for each in DeviceItem.batch_get(keys, consistent_read=True)}
    looking = automation_rules.watched_devices(rule)
    facts: dict[str, Facts] = {}
    known: dict[str, DeviceRecord] = {}
    for device, _ in keys:
        record = found.get((device, DEVICE))
        if not isinstance(record, DeviceRecord) or not devices.visible(caller, record):
            raise DeviceNotFound(device)
        if looks and device in looking and int(record.automations or 0) >= MOST_ON_DEVICE:
            raise TooManyAutomations(device)
        known[device] = record
        facts[device] = {STATUS: (devices.device_of(record).status.value, clock.now())}
    for device, item in keys:
        shadow = found.get((device, item))
        if isinstance(shadow, ShadowRecord):
            facts[device] |= _reported(item.removeprefix(SHADOW), shadow)
    for at, condition in enumerate(rule.conditions):
        if isinstance(condition, PropertyCondition):
            _check_property(f"conditions[{at}]", condition, known[condition.device])
    for at, action in enumerate(rule.actions):
        if isinstance(action, CommandAction | DesiredAction):
            _check_action(f"actions[{at}]", action, known[action.device])
    return automation_states.seen(rule, facts)


def _keys(rule: Rule) -> list[tuple[str, str]]:
    """Of the devices it names, and of the shadows it looks at."""
    acted = [each.device for each in rule.actions if isinstance(each, CommandAction | DesiredAction)]
    keys = [(device, DEVICE) for device in [*automation_rules.watched_devices(rule), *acted]]
    for condition in rule.conditions:
        if isinstance(condition, PropertyCondition):
            keys.append((condition.device, SHADOW + condition.service))
    return list(dict.fromkeys(keys))


def _reported(service: str, record: ShadowRecord) -> Facts:
    shadow = shadow_documents.read(record)
    return {
        msgspec.json.encode([service, name]).decode(): (value, shadow.times.get(name, 0))
        for name, value in shadow.reported.items()
    }


def _check_property(at: str, condition: PropertyCondition, device: DeviceRecord) -> None:
    """Raises InvalidInput. A model without services has no say."""
    model = products.model_of(products.get(device.tenant, device.product))
    if model.schemaless:
        return
    service = model.service(condition.service)
    if service is None:
        raise InvalidInput(f"{at}.service", f"{condition.service!r} is not in the model")
    prop = service.property(condition.property)
    if prop is None:
        raise InvalidInput(f"{at}.property", f"{condition.property!r} is not in the model")
    listed = condition.value if isinstance(condition.value, list) else [condition.value]
    if prop.data_type in _NUMERIC:
        if any(isinstance(each, bool | str) for each in listed):
            raise InvalidInput(f"{at}.value", "must be a number, as the property is")
        return
    if condition.operator in automation_rules.ORDERED:
        raise InvalidInput(f"{at}.operator", f"{condition.operator} is for numbers only")
    for each in listed:
        problem = thing_values.value_problem(prop, each, "value")
        if problem:
            raise InvalidInput(f"{at}.value", problem.reason)


def _check_action(at: str, action: CommandAction | DesiredAction, device: DeviceRecord) -> None:
    """Raises InvalidInput."""
    model = products.model_of(products.get(device.tenant, device.product))
    try:
        if isinstance(action, CommandAction):
            thing_values.check_command(model, action.service, action.method, action.paras)
        else:
            thing_values.check_desired(model, action.service, action.values)
    except ServiceNotFound as error:
        raise InvalidInput(f"{at}.service", f"{action.service!r} is not in the model") from error
    except CommandTypeNotFound as error:
        raise InvalidInput(f"{at}.method", "is no command of the service") from error
    except PropertyNotWritable as error:
        raise InvalidInput(f"{at}.values", f"{error} is not writable") from error
    except InvalidInput as error:
        field = error.field.replace("desired", "values", 1)
        raise InvalidInput(f"{at}.{field}", error.reason) from error
