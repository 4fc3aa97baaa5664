"""Listening sockets, and one clear line where a port is taken."""

import errno
import socket

from infra.local.errors import LocalCloudError, PortTaken

BACKLOG = 128


def reachable(host: str) -> str:
    """An address to call what listens on `host`: "every interface" is no address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def explain(error: OSError, host: str, port: int, option: str) -> LocalCloudError:
    """The line to show for a socket that could not be opened."""
    place = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return PortTaken(f"{place} is taken by another program: stop it or choose another with {option}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortTaken(f"{place} may not be opened by this user: choose another with {option}")
    return PortTaken(f"{place} cannot be opened ({error.strerror or error}): check --host and {option}")


def listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """A listening TCP socket; port 0 lets the system choose. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host, port))
        server.listen(BACKLOG)
    except OSError as error:
        server.close()
        raise explain(error, host, port, option) from error
    return server
