"""A LoRa server that is connected, and products for what is behind it."""

import json
from dataclasses import dataclass
from typing import Any

from chalicelib.core import lora, products
from chalicelib.core.lora import NewLoraDevice
from chalicelib.core.lora_records import LoraDevice, Role
from chalicelib.core.products import Facts, NodeType, Product
from chalicelib.core.things import ThingModel
from tests.support.fleet import Fleet, make_product
from tests.support.iot import FakeDevice, FakeIot, Sent

KEY = "00112233445566778899AABBCCDDEEFF"
OTHER_KEY = "ffeeddccbbaa99887766554433221100"
EUI = "00112233AABBCCDD"


def lora_product(tenant: str, device_type: str, protocol: str = "LoRaWAN", **how: Any) -> Product:
    facts = Facts(
        manufacturer_id="acme",
        manufacturer_name="Acme",
        device_type=device_type,
        model=f"{device_type}-{protocol}",
        protocol_type=protocol,
    )
    return products.create(tenant, device_type, ThingModel(), facts, **how)


@dataclass
class Site:
    """A tenant's LoRa server, online, and the products of LoRa gateways and nodes."""

    fleet: Fleet
    iot: FakeIot
    server: FakeDevice
    gateways: Product
    nodes: Product

    def node(self, eui: str = EUI, **more: Any) -> LoraDevice:
        given = {"app_eui": EUI, "app_key": KEY, "server": self.server.id, "product": self.nodes.id} | more
        return lora.register(self.fleet.caller, NewLoraDevice(role=Role.NODE, eui=eui, name="n", **given))

    def gateway(self, eui: str = EUI, **more: Any) -> LoraDevice:
        given = {"server": self.server.id, "product": self.gateways.id} | more
        return lora.register(self.fleet.caller, NewLoraDevice(role=Role.GATEWAY, eui=eui, name="g", **given))

    def told(self) -> list[Sent]:
        """What reached the server, whichever connection it had."""
        return [sent for sent in self.iot.arrived if sent.client.startswith(self.server.id)]

    def learned(self) -> list[tuple[str, str]]:
        """Action and device of each message."""
        found = []
        for sent in self.told():
            about = sent.json.get("node") or sent.json["gateway"]
            found.append((sent.json["action"], about["deviceId"]))
        return found


def add_server(fleet: Fleet, iot: FakeIot, product: Product, node_id: str = "server") -> FakeDevice:
    from chalicelib.core import registration

    new = registration.NewDevice(node_id, registration.BY_SECRET, product=product.id)
    return FakeDevice(registration.register(fleet.caller, new).device.device, iot)


def make_site(fleet: Fleet, iot: FakeIot) -> Site:
    servers = make_product(fleet.tenant, NodeType.GATEWAY, model="LS1")
    server = add_server(fleet, iot, servers)
    server.connect()
    return Site(
        fleet,
        iot,
        server,
        lora_product(fleet.tenant, "LoRaGateway"),
        lora_product(fleet.tenant, "WaterMeter"),
    )


def stored_text(device: str) -> str:
    """Everything in the device's collection, as DynamoDB holds it."""
    from chalicelib.store.devices import DeviceItem

    return json.dumps([record.serialize() for record in DeviceItem.query(device)])
