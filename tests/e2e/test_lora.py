"""A LoRa server over real MQTT: it learns of a node, speaks for it, and learns of its end."""

import json
from pathlib import Path
from typing import Any

from infra.local.clients import App, Device, Receiver
from tests.e2e.conftest import DEVICES, SERVICE, World
from tests.e2e.test_operator import admin
from tests.local_cloud import CloudProcess
from tests.support.fleet import METER

NODES = "/api/v3.0/devices/lora/node"
EUI, KEY = "0011AABBCCDD2233", "00112233445566778899aabbccddeeff"


def product(cloud: CloudProcess, tenant: str, folder: Path, model: str, *line: str) -> str:
    path = folder / f"{model}.json"
    path.write_text(
        json.dumps(METER).replace('"M1"', f'"{model}"').replace('"MQTT"', '"LoRaWAN"'), encoding="utf-8"
    )
    made = admin(cloud, "product", "import", "--tenant", tenant, "--profile", path, *line)
    return str(made["id"])


def learned(server: Device, count: int) -> dict[str, Any]:
    return server.commands.wait(lambda sent: sent["msgType"] == "cloudLora", "word of a node", count)


def test_a_lora_server_speaks_for_a_node_that_the_app_registered(cloud: CloudProcess, tmp_path: Path) -> None:
    tenant = admin(cloud, "tenant", "create", "Acme LoRa")["id"]
    made = admin(cloud, "application", "create", "--tenant", tenant, "--name", "Fields")
    servers = product(cloud, tenant, tmp_path, "S1", "--node-type", "gateway")
    nodes = product(cloud, tenant, tmp_path, "N1")
    app = App(cloud.http, made["id"], made["secret"])
    app.login()
    with Receiver() as receiver:
        world = World(cloud, app, receiver)
        tell_of_a_node(world, servers, nodes)
        world.close()
        assert world.complaints() == []


def tell_of_a_node(world: World, servers: str, nodes: str) -> None:
    world.subscribe("deviceDatasChanged")
    ident, secret = world.register(servers)
    server = world.device(ident, secret)
    server.connect()
    world.until(lambda: world.status(ident) == "ONLINE", "the server to be ONLINE")
    body = {
        "loraServerId": ident,
        "productId": nodes,
        "devEUI": EUI,
        "appEUI": EUI,
        "name": "n",
        "appKey": KEY,
    }
    node = world.app.post(NODES, body)
    assert learned(server, 1) == {"msgType": "cloudLora", "action": "add", "node": node}
    server.report(SERVICE, {"level": 3}, child=node["deviceId"])
    push = world.pushed("deviceDatasChanged", node["deviceId"])
    assert (push.body["gatewayId"], push.body["services"][0]["data"]) == (ident, {"level": 3})
    command = world.command(node["deviceId"], 8)
    got = server.commands.wait(lambda sent: sent["msgType"] == "cloudReq", "command for the node")
    server.answer(got["mid"], {"result": 1}, child=node["deviceId"])
    world.told(command, "SUCCESSFUL")
    server.close()
    world.until(lambda: world.status(ident) == "OFFLINE", "the server went offline")
    world.app.delete(f"{DEVICES}/{node['deviceId']}")  # not by 1.5.15: that needs the server online
    world.cloud.wait_idle()
    server = world.device(ident, secret)
    server.connect()
    gone = {"deviceId": node["deviceId"], "devEUI": EUI}
    assert learned(server, 1) == {"msgType": "cloudLora", "action": "delete", "node": gone}
    again = world.app.post(NODES, body)
    assert learned(server, 2)["node"]["deviceId"] == again["deviceId"] != node["deviceId"]
    world.app.delete(f"{NODES}/{again['deviceId']}")
    assert learned(server, 3)["action"] == "delete"
