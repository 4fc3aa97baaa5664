"""Starting and stopping: ports, threads, TLS."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.local.broker import AWS, Broker
from tests.local.broker.support import (
    PINGREQ,
    FakeLambda,
    connect_packet,
    publish_packet,
    running,
    subscribe_packet,
)


def test_two_brokers_get_different_ports(functions: FakeLambda, device: Any) -> None:
    with running(functions) as one, running(functions) as two:
        ports = {one.mqtt_port, one.data_port, two.mqtt_port, two.data_port}
        assert len(ports) == 4
        assert 0 not in ports
        reader = device(one, "reader")
        reader.subscribe(("a", 1))
        device(two, "writer").publish("a", b"elsewhere")
        device(one, "writer").publish("a", b"here")
        assert reader.received() == [("a", b"here")]


@pytest.mark.parametrize("which", ["mqtt_port", "data_port"])
def test_a_taken_port_is_a_clear_error(which: str, functions: FakeLambda) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        broker = Broker(functions, [])
        with pytest.raises(OSError, match=f"(?i){which.split('_')[0]}.* {port} .*127.0.0.1"):
            broker.start(**{which: port})
    assert "broker" not in [thread.name for thread in threading.enumerate()]


def test_stop_ends_every_thread_and_is_repeatable(functions: FakeLambda, device: Any) -> None:
    before = set(threading.enumerate())
    broker = Broker(functions, [])
    broker.start()
    device(broker).close()
    broker.stop()
    broker.stop()
    left = [thread for thread in set(threading.enumerate()) - before if thread.is_alive()]
    assert [thread.name for thread in left if thread.name == "broker"] == []
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", broker.mqtt_port), timeout=1)


def test_stop_without_start(functions: FakeLambda) -> None:
    Broker(functions, []).stop()


def test_stop_during_an_authorization(functions: FakeLambda, raw: Any) -> None:
    entered, release = threading.Event(), threading.Event()

    def authorize(_event: dict[str, Any]) -> None:
        entered.set()
        release.wait(5)

    functions.authorize = authorize
    with running(functions) as broker:
        client = raw(broker)
        client.send(connect_packet())
        assert entered.wait(5)
    release.set()
    assert client.closed_by_broker()


def test_stop_does_not_wait_for_a_client_that_never_reads(
    functions: FakeLambda, raw: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("infra.local.broker.hub.FLUSH_SECONDS", 0.05)
    with running(functions, limits=replace(AWS, outbound_buffer=64 * 1024 * 1024)) as broker:
        deaf = raw(broker, connect=connect_packet("deaf"), receive_buffer=4096)
        deaf.send(subscribe_packet("a", qos=0))
        assert deaf.packet()[0] == 0x90
        writer = raw(broker, connect=connect_packet("writer"))
        writer.send(publish_packet("a", b"x" * 100_000) * 100, PINGREQ)
        assert writer.packet()[0] == 0xD0
    assert "1 clients did not take their last bytes" in caplog.text


def test_tls(functions: FakeLambda, device: Any, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    trusting.check_hostname = False
    with running(functions, ssl_context=server) as broker:
        client = device(broker, ssl_context=trusting)
        client.subscribe(("a", 1))
        client.publish("a", b"x" * 100_000)
        assert client.received() == [("a", b"x" * 100_000)]


def self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "broker.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
