"""What listens where: devices may come from anywhere, the data plane asks nobody who he is."""

import socket

from infra.local.broker import Broker


def test_the_data_plane_stays_on_loopback() -> None:
    broker = Broker(lambda _name, _event: {"isAuthenticated": False}, [])
    broker.start("0.0.0.0", 0, 0)
    try:
        listening = {port: _address_of(port) for port in (broker.mqtt_port, broker.data_port)}
    finally:
        broker.stop()
    assert listening[broker.mqtt_port] == "0.0.0.0"
    assert listening[broker.data_port] == "127.0.0.1"


def _address_of(port: int) -> str:
    """The local address a port listens on, as the kernel lists it."""
    with open("/proc/net/tcp") as table:
        for line in table.readlines()[1:]:
            address, hex_port = line.split()[1].split(":")
            if int(hex_port, 16) == port and line.split()[3] == "0A":
                return socket.inet_ntoa(bytes.fromhex(address)[::-1])
    raise AssertionError(f"nothing listens on {port}")
