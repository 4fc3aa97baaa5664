"""Where callbacks may lead, and how they are posted: pinned, bounded, verified, not redirected."""

import datetime
import ipaddress
import ssl
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from chalicelib.aws import addresses
from chalicelib.aws.addresses import Refused, endpoint, permitted
from chalicelib.aws.http import Client, Failed, Reply
from tests.support.receiver import Posted, Receiver, receiving, refusing

HEADERS = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def _system_resolver() -> Iterator[None]:
    yield
    addresses.use(None)


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage's allow-list names loopback."""
    monkeypatch.setattr(addresses, "_allowed", lambda: addresses.networks(("127.0.0.0/8",)))


@pytest.fixture
def receiver(loopback: None) -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def post(url: str, body: bytes = b"{}", timeout: float = 5.0) -> Reply:
    with Client(timeout=timeout) as client:
        return client.post(endpoint(url), body, HEADERS)


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://example.com:80", "example.com", 80, "/"),
        ("HTTPS://Example.COM:8443/a?b=c&d=%20", "example.com", 8443, "/a?b=c&d=%20"),
        ("https://[2001:4860:4860:0::8888]:443/x", "2001:4860:4860::8888", 443, "/x"),
        ("http://bücher.example:80/grüße?q=ä", "xn--bcher-kva.example", 80, "/gr%C3%BC%C3%9Fe?q=%C3%A4"),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, path: str) -> None:
    place = endpoint(url)
    assert (place.host, place.port, place.path) == (host, port, path)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/hook", "port"),
        ("http://example.com:/hook", "port"),
        ("http://example.com:0/hook", "port"),
        ("http://example.com:65536/hook", "no URL"),
        ("http://example.com:x/hook", "no URL"),
        ("ftp://example.com:21/", "http"),
        ("file:///etc/passwd", "http"),
        ("example.com:80", "http"),
        ("//example.com:80/", "http"),
        ("http://user:secret@example.com:80/", "user name"),
        ("http://example.com@127.0.0.1:80/", "user name"),
        ("http://example.com:80/#part", "fragment"),
        ("http://example.com:80/a b", "character"),
        ("http://example.com:80/\r\nX-Evil: 1", "character"),
        ("http://example.com:80\\@127.0.0.1:80/", "character"),
        ("http://:80/", "host"),
        ("http://exa$mple.com:80/", "host"),
        ("http://[::1%25eth0]:80/", "link"),
        ("http://[v1.x]:80/", "host"),
        ("http://[::1:80/", "no URL"),
        (f"http://example.com:80/{'a' * 1024}", "longer"),
        (f"http://{'a' * 64}.com:80/", "host"),
    ],
)
def test_a_malformed_url_is_refused(url: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as refused:
        endpoint(url)
    assert "secret" not in str(refused.value)


FORBIDDEN = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.192",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "2001::1",
    "64:ff9b:1::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::10.0.0.1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_inside_is_refused_in_every_spelling(address: str) -> None:
    assert not permitted(ipaddress.ip_address(address))
    addresses.use(lambda _host, _port: ["93.184.215.14", address])  # one bad address condemns the name
    with pytest.raises(Refused, match=r"unknown or may not be called"):
        addresses.addresses(endpoint("http://hooks.example:80/"), 1)


@pytest.mark.parametrize(
    "address",
    [
        "93.184.215.14",
        "172.32.0.1",
        "100.128.0.1",
        "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
        "::ffff:8.8.8.8",
    ],
)
def test_a_public_address_is_permitted(address: str) -> None:
    assert permitted(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "[::1]"])
def test_loopback_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(Refused, match="unknown or may not be called"):
        addresses.addresses(endpoint(f"http://{host}:80/"), 5)


def test_the_allow_list_names_what_else_may_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_allowed", lambda: addresses.networks(("10.1.0.0/16", "fd00::/8")))
    assert permitted(ipaddress.ip_address("10.1.2.3"))
    assert permitted(ipaddress.ip_address("::ffff:10.1.2.3"))
    assert permitted(ipaddress.ip_address("fd00::1"))
    assert not permitted(ipaddress.ip_address("10.2.2.3"))
    assert not permitted(ipaddress.ip_address("169.254.169.254"))


def test_a_wrong_allow_list_does_not_pass_for_an_empty_one() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        addresses.networks(("nonsense",))


def test_a_name_that_is_unknown_or_slow_to_resolve_is_refused() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise OSError("no such host")

    def slow(_host: str, _port: int) -> list[str]:
        time.sleep(2)
        return ["93.184.215.14"]

    for resolver in (unknown, slow):
        addresses.use(resolver)
        with pytest.raises(Refused):
            addresses.addresses(endpoint("http://hooks.example:80/"), 0.05)


def test_a_post_arrives_with_its_headers_and_body(receiver: Receiver) -> None:
    reply = post(receiver.url("/hook?key=1"), b'{"a":1.0}')
    assert reply.status == 200
    (posted,) = receiver.posts
    assert (posted.path, posted.body) == ("/hook?key=1", b'{"a":1.0}')
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_a_connection_is_used_again_and_replaced_when_it_was_closed(receiver: Receiver) -> None:
    with Client() as client:
        for _ in range(3):
            assert client.post(endpoint(receiver.url()), b"{}", HEADERS).status == 200
        assert receiver.connections == 1

        def hang_up(handler: BaseHTTPRequestHandler, _posted: Posted) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            handler.close_connection = True  # without saying so

        receiver.respond = hang_up
        for _ in range(2):
            assert client.post(endpoint(receiver.url()), b"{}", HEADERS).status == 200
    assert len(receiver.posts) == 5
    assert receiver.connections == 2


def test_a_redirect_is_an_answer_not_an_order(receiver: Receiver) -> None:
    def redirect(handler: BaseHTTPRequestHandler, _posted: Posted) -> None:
        handler.send_response(307)
        handler.send_header("Location", receiver.url("/elsewhere"))
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    receiver.respond = redirect
    assert post(receiver.url()).status == 307
    assert [posted.path for posted in receiver.posts] == ["/hook"]


def test_no_proxy_is_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing() as nobody:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{nobody}")
        assert post(receiver.url()).status == 200


def test_the_connection_goes_to_the_address_that_was_judged(receiver: Receiver) -> None:
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    addresses.use(rebinding)
    url = f"http://hooks.example:{receiver.port}/hook"
    assert post(url).status == 200
    assert asked == ["hooks.example"]  # a second look-up would have been another host
    assert receiver.posts[0].headers["host"] == f"hooks.example:{receiver.port}"
    with pytest.raises(Refused):
        post(url)
    assert len(receiver.posts) == 1


def test_a_dead_address_gives_way_to_the_next(receiver: Receiver) -> None:
    addresses.use(lambda _host, _port: ["127.0.0.9", "127.0.0.1"])
    assert post(f"http://hooks.example:{receiver.port}/").status == 200


def test_a_refused_connection_fails_without_naming_the_address(loopback: None) -> None:
    with refusing() as nobody, pytest.raises(Failed) as failed:
        post(f"http://127.0.0.1:{nobody}/")
    assert not failed.value.timed_out
    assert "127" not in str(failed.value)


def test_one_deadline_covers_a_server_that_trickles(receiver: Receiver) -> None:
    def trickle(handler: BaseHTTPRequestHandler, _posted: Posted) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 400:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.02)

    receiver.respond = trickle
    began = time.monotonic()
    with pytest.raises(Failed) as failed:
        post(receiver.url(), timeout=0.3)
    assert failed.value.timed_out
    assert time.monotonic() - began < 4  # the server would go on for eight seconds


def test_a_silent_server_times_out(receiver: Receiver) -> None:
    receiver.respond = lambda _handler, _posted: time.sleep(1)
    with pytest.raises(Failed) as failed:
        post(receiver.url(), timeout=0.2)
    assert failed.value.timed_out


def test_a_long_or_endless_body_is_not_read(receiver: Receiver) -> None:
    sent: list[int] = []

    def endless(handler: BaseHTTPRequestHandler, _posted: Posted) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        for _ in range(1000):
            sent.append(handler.wfile.write(b"x" * 65536))

    receiver.respond = endless
    assert post(receiver.url()).status == 200
    assert len(sent) < 1000


def test_what_is_no_http_fails(receiver: Receiver) -> None:
    receiver.respond = lambda handler, _posted: handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n") and None
    with pytest.raises(Failed, match="BadStatusLine"):
        post(receiver.url())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for hooks.example, and a client's that trusts it."""
    pem = _certificate("hooks.example", tmp_path_factory.mktemp("tls"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


def test_tls_is_verified_against_the_name_in_the_url(
    loopback: None, authority: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    server, trusting = authority
    addresses.use(lambda _host, _port: ["127.0.0.1"])
    with receiving(server) as receiver:
        with Client(tls=trusting) as client:
            place = endpoint(f"https://hooks.example:{receiver.port}/hook")
            assert client.post(place, b"{}", HEADERS).status == 200
        for tls, host in ((trusting, "other.example"), (None, "hooks.example")):
            with Client(tls=tls) as client, pytest.raises(Failed, match="CERTIFICATE_VERIFY_FAILED"):
                client.post(endpoint(f"https://{host}:{receiver.port}/hook"), b"{}", HEADERS)
        assert len(receiver.posts) == 1


def _certificate(name: str, folder: Path) -> Path:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return pem
