"""Where a web application is served, and by what server."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import socket
from typing import Any

import uvicorn

from blender.errors import BadInput
from blender.serving.web.guard import LOOPBACK, Guard

SHORTEST = 12
BACKLOG = 256  # browsers that may wait for the server to take them up
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{SHORTEST},}}")


def check_address(host: str, token: str | None) -> None:
    """Refuse to serve others without a token.

    Raises:
        BadInput: there is none, or it is short or holds signs that do not belong in an address.
    """
    suggested = f"give --token, for instance --token {secrets.token_urlsafe(16)}"
    if token is None and not is_loopback(host):
        raise BadInput(f"{host} can be reached from other machines, so a token is needed; {suggested}")
    if token is not None and not _TOKEN.fullmatch(token):
        raise BadInput(
            f"a token is {SHORTEST} or more of A-Z, a-z, 0-9, - and _; got one of {len(token)} characters; {suggested}"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_every(host: str) -> bool:
    """Whether it stands for all addresses of this machine, and can itself not be opened.

    >>> is_every("0.0.0.0"), is_every("::"), is_every("192.168.1.4")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def served_names(host: str) -> frozenset[str] | None:
    """Names by which what is served to this machine may be asked for; ``None`` = any, where there is a token."""
    return LOOPBACK | {host.lower()} if is_loopback(host) else None


def address(host: str, port: int, token: str | None) -> str:
    """What is opened; by the name of this machine where all its addresses are served.

    >>> address("::1", 8765, None)
    'http://[::1]:8765/'
    """
    host = socket.gethostname() if is_every(host) else host
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address; port 0 takes any free one.

    Raises:
        BadInput: the port is taken, or the address is not of this machine.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)[0]
        # With its protocol said, asyncio sends at once; else the second half of every answer would wait 40 ms.
        return _bound(socket.socket(family, kind, protocol), place)
    except OSError as fault:
        raise BadInput(
            f"{host} port {port} cannot be served: {fault.strerror or fault}; give another --port (0 for any free one) "
            "or --host"
        ) from None


def _bound(listening: socket.socket, place: Any) -> socket.socket:
    try:
        if os.name == "posix":  # a port just left may be taken again at once
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def server(app: Guard) -> uvicorn.Server:
    """What serves it; requests are not logged, since they hold names and texts."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,  # longer than proxies keep what they would ask again on: 60 seconds is usual
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)
