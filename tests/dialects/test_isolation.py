"""Another tenant's ids are answered as ids that nobody has, by every operation of every dialect.

A new operation with an id in its path or query is tested by itself; one with ids in its body has to be
named here. That the ids matter is tested too: the caller's own are answered otherwise.
"""

import json
import pkgutil
import re
import secrets
from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.parse import quote, urlencode

import boto3
import pytest

from chalicelib import dialects
from chalicelib.web.operations import Operation
from tests.support import worlds
from tests.support.clock import FakeClock
from tests.support.iot import FakeIot
from tests.support.worlds import Names, World, batch_body, command_body, make_world, nobodys

DIALECTS = ("huawei", "xlink", "shadow", "ctwing")
# People own things, too: tests/dialects/feiyan/test_isolation.py. Operators are nobody's tenants.
ELSEWHERE = {"feiyan", "operator"}

# What a path or query parameter names; any other is given a value that says nothing.
PARAMETERS = {
    "huawei": {
        "deviceId": "device",
        "gatewayId": "gateway",
        "devGroupId": "group",
        "deviceCommandId": "command",
        "taskId": "batch",
        "subscriptionId": "subscription",
        "fileId": "package",
        "operationId": "upgrade",
        "appId": "application",
        "accessAppId": "application",
        "ownerAppId": "application",
    },
    "xlink": {
        "product_id": "xlink_product",
        "datapoint_id": "point",
        "dispatch_id": "rule",
        "firmware_id": "firmware",
        "device_id": "xlink_device",
    },
    "shadow": {"productId": "short_id", "deviceId": "device"},
    "ctwing": {},
}
SPECIAL = {  # by operation: where a parameter names something else
    "query_cancel_tasks": {"taskId": "task", "deviceId": None},
    "query_lora_gateway": {"deviceId": "lora_gateway"},
    "delete_lora_gateway": {"deviceId": "lora_gateway"},
    "query_lora_node": {"deviceId": "lora_node"},
    "delete_lora_node": {"deviceId": "lora_node"},
}
PLAIN = {  # values of parameters that name nothing of a tenant's
    "serviceId": "Meter",
    "key": "colour",
    "timestamp": "1700000000000",
    "desiredFiledKey": "level",
    "reportedFiledKey": "level",
}
SHADOW = {"productId": "{short_id}", "deviceId": "{device}", "timestamp": 1_700_000_000_000}
COMMAND = {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 7}}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/iocm/app/batchtask/v1.1.0/tasks"): batch_body("{turn}", ["{device}"]),
    ("POST", "/iocm/app/cmd/v1.4.0/deviceCommandCancelTasks"): {"deviceId": "{device}"},
    ("POST", "/iocm/app/cmd/v1.4.0/deviceCommands"): command_body("{device}"),
    ("PUT", "/iocm/app/cmd/v1.4.0/deviceCommands/{deviceCommandId}"): {"status": "CANCELED"},
    ("POST", "/iocm/app/devgroup/v1.3.0/devGroups"): {"name": "another", "deviceIds": ["{gateway}"]},
    ("PUT", "/iocm/app/devgroup/v1.3.0/devGroups/{devGroupId}"): {"name": "renamed"},
    ("POST", "/iocm/app/dm/v1.1.0/devices/addDevGroupTagToDevices"): {
        "devGroupId": "{group}",
        "deviceIds": ["{gateway}"],
    },
    ("POST", "/iocm/app/dm/v1.1.0/devices/deleteDevGroupTagFromDevices"): {
        "devGroupId": "{group}",
        "deviceIds": ["{device}"],
    },
    ("PUT", "/iocm/app/dm/v1.4.0/devices/{deviceId}"): {"name": "renamed"},
    ("POST", "/iocm/app/reg/v1.1.0/deviceCredentials"): {"nodeId": "n1", "productId": "{product}"},
    ("POST", "/iocm/app/reg/v2.0.0/deviceCredentials"): {
        "deviceInfo": {"nodeId": "n2"},
        "productId": "{product}",
    },
    ("PUT", "/iocm/app/reg/v1.1.0/deviceCredentials/{deviceId}"): {"nodeId": "n3"},
    ("PUT", "/iocm/app/shadow/v1.5.0/devices/{deviceId}"): {
        "serviceDesireds": [{"serviceId": "Meter", "desired": {"level": 8}}]
    },
    ("POST", "/iocm/app/signaltrans/v1.1.0/devices/{deviceId}/services/{serviceId}/sendCommand"): {
        "header": {"method": "SET_LEVEL", "mode": "NOACK"},
        "body": {"value": 7},
    },
    ("POST", "/iocm/app/sub/v1.2.0/subscriptions"): {
        **worlds.SUBSCRIPTION,
        "notifyType": "deviceDeleted",
        "appId": "{application}",
    },
    ("POST", "/iodm/app/sub/v1.1.0/subscribe"): {
        "notifyType": "swUpgradeResultNotify",
        "callbackUrl": "https://8.8.8.8:443/x",
        "appId": "{application}",
    },
    ("POST", "/iodm/northbound/v1.5.0/operations/firmwareUpgrade"): {
        "fileId": "{package}",
        "targets": {"devices": ["{gateway}"]},
    },
    ("POST", "/iodm/northbound/v1.5.0/operations/softwareUpgrade"): {
        "fileId": "{package}",
        "targets": {"devices": ["{device}"]},
    },
    ("POST", "/api/v3.0/devices/lora/gateway"): worlds.LORA_GATEWAY,
    ("POST", "/api/v3.0/devices/lora/node"): worlds.LORA_NODE,
    ("PUT", "/v2/product/{product_id}"): {**worlds.PRODUCT, "is_release": False, "is_registerable": True},
    ("POST", "/v2/product/{product_id}/datapoint"): {**worlds.POINT, "name": "other", "index": 9},
    ("PUT", "/v2/product/{product_id}/datapoint/{datapoint_id}"): {**worlds.POINT, "is_collect": True},
    ("POST", "/v2/product/{product_id}/dds"): worlds.RULE,
    ("PUT", "/v2/product/{product_id}/dds/{dispatch_id}"): {**worlds.RULE, "data_type": [2]},
    ("POST", "/v2/product/{product_id}/device"): {"mac": "A0B1C2D3E4F6"},
    ("PUT", "/v2/product/{product_id}/device/{device_id}"): {"name": "renamed"},
    ("POST", "/v2/product/{product_id}/device/{device_id}/property"): {"size": 1},
    ("PUT", "/v2/product/{product_id}/device/{device_id}/property"): {"colour": "blue"},
    ("POST", "/v2/product/{product_id}/device_batch"): ["A0B1C2D3E4F7"],
    ("POST", "/v2/product/{product_id}/devices"): {},
    ("POST", "/v2/product/{product_id}/firmware"): {**worlds.FIRMWARE, "version": 2},
    ("PUT", "/v2/product/{product_id}/firmware/{firmware_id}"): {**worlds.FIRMWARE, "version": 3},
    ("POST", "/iot-platform/device-shadow-server/v1/desired"): {**SHADOW, "stateDesired": {"level": 9}},
    ("POST", "/iot-platform/device-shadow-server/v1/reported"): {**SHADOW, "stateReported": {"level": 9}},
    ("POST", "/aep_device_command_lwm_profile/commandLwm2mProfile"): {
        "command": COMMAND,
        "operator": "me",
        "productId": "{product_number}",
        "deviceId": "{device}",
    },
}
for _part in ("desired", "reported"):
    _json = f"/iot-platform/device-shadow-server/v1/{_part}/json/filed"
    _field = {f"{_part}FiledKey": "level", "jsonPath": "a.b", "value": 1}
    BODIES["PUT", f"{_json}/update"] = {**SHADOW, **_field}
    BODIES["PUT", f"{_json}/update/batch"] = {**SHADOW, "updateInfos": [_field]}
    BODIES["PUT", f"{_json}/delete"] = {**SHADOW, f"{_part}FiledKey": "level", "jsonPaths": ["a.b"]}
GROUP_COMMAND = {
    "command": COMMAND,
    "operator": "me",
    "productId": "{product_number}",
    "deviceGroupId": "{group_number}",
    "level": 3,
}
# Without an id of anything: there is nothing to tell apart.
IDLESS = {
    "login",
    "logout",
    "refresh_token",
    "get_token",
    "echo",
    "corp_auth",
    "accesskey_auth",
    "create_product",
    "list_products",
    "list_packages",
}
MADE = re.compile(r'"(requestId|taskID)":"[^"]*"')  # what is new with every call


def parameters(declared: type[Any] | None) -> list[str]:
    import msgspec

    if declared is None:
        return []
    return [field.encode_name for field in msgspec.structs.fields(declared)]


class Request:
    """A call of an operation with `{kind}` where ids go."""

    def __init__(self, dialect: str, operation: Operation, body: Any = None) -> None:
        self.dialect, self.operation = dialect, operation
        key = (operation.method, operation.path)
        self.body = BODIES.get(key) if body is None else body
        known = {**PARAMETERS[dialect], **SPECIAL.get(operation.name, {})}
        self.path = re.sub(r"\{(\w+)\}", lambda found: self._place(found[1], known), operation.path)
        self.query = {
            name: self._place(name, known)
            for name in parameters(operation.query_type)
            if known.get(name) or name in PLAIN
        }

    @staticmethod
    def _place(name: str, known: Mapping[str, str | None]) -> str:
        kind = known.get(name)
        return f"{{{kind}}}" if kind else quote(PLAIN[name])

    @property
    def kinds(self) -> list[str]:
        text = self.path + json.dumps([self.query, self.body])
        return sorted(set(re.findall(r"\{(\w+)\}", text)) - {"turn"})

    def send(self, caller: World, names: Names) -> tuple[int, str]:
        """The answer's status and body, in which the ids are told apart by their kind alone."""

        def filled(text: str) -> str:
            return re.sub(r"\{(\w+)\}", lambda found: all_names[found[1]], text)

        all_names = {**names, "turn": secrets.token_hex(8)}
        query = {name: filled(text) for name, text in self.query.items()}
        body = None
        if self.body is not None:
            body = _numbers(json.loads(filled(json.dumps(self.body))))
        path = filled(self.path) + (f"?{urlencode(query)}" if query else "")
        reply = caller.call(self.dialect, self.operation.method, path, body)
        said = MADE.sub("", reply.body)
        for kind in self.kinds:
            said = said.replace(names[kind], f"<{kind}>")
        return reply.status, said


def _numbers(body: Any) -> Any:
    """CTWing's ids are integers."""
    if isinstance(body, dict):
        return {
            name: int(value)
            if name in ("productId", "deviceGroupId") and isinstance(value, str) and value.isdigit()
            else _numbers(value)
            for name, value in body.items()
        }
    return body


def stored() -> dict[str, list[str]]:
    """What the tables hold, but for what every call may touch: walks, rates, tokens."""
    client = boto3.client("dynamodb")
    passing = ("cursors", "throttles", "tokens", "operations")
    found = {}
    for name in client.list_tables()["TableNames"]:
        if not name.endswith(passing):
            items = client.scan(TableName=name)["Items"]
            found[name] = sorted(json.dumps(item, sort_keys=True, default=str) for item in items)
    return found


@pytest.fixture
def home(aws: None, clock: FakeClock, iot: FakeIot) -> World:
    return make_world("home", clock, iot)


def requests(dialect: str) -> list[Request]:
    """Of all operations with ids; what reads before what writes, what deletes at last, the inmost first."""
    operations = [
        each
        for each in import_module(f"chalicelib.dialects.{dialect}.routes").api.operations
        if each.name not in IDLESS
    ]
    made = [Request(dialect, operation) for operation in operations]
    if dialect == "ctwing":
        made += [Request(dialect, operation, GROUP_COMMAND) for operation in operations]
    order = ("GET", "PUT", "POST", "DELETE")
    return sorted(made, key=lambda each: (order.index(each.operation.method), -len(each.path)))


def mine(tenant: str, tables: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {name: [item for item in items if tenant in item] for name, items in tables.items()}


def test_no_dialect_is_forgotten() -> None:
    packages = {each.name for each in pkgutil.iter_modules(dialects.__path__) if each.ispkg}
    assert packages == {*DIALECTS, *ELSEWHERE}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_another_tenants_ids_are_as_ids_that_nobody_has(
    dialect: str, home: World, clock: FakeClock, iot: FakeIot
) -> None:
    elsewhere, nowhere = make_world("elsewhere", clock, iot), nobodys(home.names)
    theirs = mine(elsewhere.fleet.tenant, stored())
    told: dict[str, object] = {}
    for request in requests(dialect):
        assert request.kinds, f"{request.operation.name}: name its ids, or say in IDLESS that it has none"
        choices = [[kind] for kind in request.kinds]
        choices += [request.kinds] if len(request.kinds) > 1 else []
        for chosen in choices:
            foreign = {**home.names, **{kind: elsewhere.names[kind] for kind in chosen}}
            absent = {**home.names, **{kind: nowhere[kind] for kind in chosen}}
            answers = request.send(home, foreign), request.send(home, absent)
            if answers[0] != answers[1]:
                told[f"{request.operation.name} {chosen}"] = answers
    assert told == {}
    assert mine(elsewhere.fleet.tenant, stored()) == theirs


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_callers_own_ids_are_answered_otherwise(dialect: str, home: World) -> None:
    nowhere = nobodys(home.names)
    same = [
        request.operation.name
        for request in requests(dialect)
        if request.send(home, home.names) == request.send(home, nowhere)
    ]
    assert same == []
