"""Stands before a web application: who may ask, what may be asked, and what a browser may do with the answer."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Set
from contextlib import suppress
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LARGEST = 256 * 1024
Refusal = tuple[HTTPStatus, str]
_NEEDS_TOKEN = {
    True: "This page needs a token: open it by the whole address that was printed when it was started, "
    "with ?token=... at its end.",
    False: "A token is needed: send the one that this was started with, as Authorization: Bearer TOKEN.",
}
"""What is said without the right one, by whether browsers ask here."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses requests that come from pages of other sites, and sets headers that keep browsers safe.

    Args:
        app: what answers the others.
        token: every request needs it, as ``Authorization: Bearer``, or for a page in ``?token=`` or the cookie that is
            then set; ``None`` = none needed.
        hosts: names it may be asked by, so that a foreign name that was bent to this machine (DNS rebinding) is
            refused; ``None`` = any, and the token alone protects.
        cookie: its name; empty = programs ask here, not browsers. Browsers send the cookies of a host to all its
            ports, so each page needs one of its own.
        largest: bytes that may be sent at once.
    """

    def __init__(
        self, app: ASGIApp, *, token: str | None, hosts: Set[str] | None, cookie: str = "", largest: int = LARGEST
    ) -> None:
        self.app = app
        self.token = token
        self.hosts = hosts
        self.cookie = cookie
        self.largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            return  # no web sockets here
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        offered = _query_token(scope) if self.cookie else None
        refused = self._refuse(scope["method"], headers, offered)
        cookie = f"{self.cookie}={offered}; Path=/; HttpOnly; SameSite=Strict" if offered and not refused else None

        async def safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    answer[name] = value
                if cookie and self.token:
                    answer.append("Set-Cookie", cookie)
            await send(message)

        with suppress(ClientDisconnect):  # whoever left before all was sent waits for nothing
            await (refused or self.app)(scope, receive, safe)

    def _refuse(self, method: str, headers: Mapping[str, str], offered: str | None) -> Response | None:
        host = headers.get("host", "")
        refused: Refusal | None = None
        if self.hosts is not None and _name(host) not in self.hosts:
            refused = HTTPStatus.MISDIRECTED_REQUEST, "This is served as localhost or 127.0.0.1 only."
        elif self.token is not None and not self._knows(offered, headers):
            refused = HTTPStatus.UNAUTHORIZED, _NEEDS_TOKEN[bool(self.cookie)]
        elif method not in ("GET", "HEAD"):
            refused = _refuse_change(headers, host, self.largest)
        if refused is None:
            return None
        status, text = refused
        if self.cookie and method in ("GET", "HEAD"):  # a person asks; else it is the page's script, or a program
            return PlainTextResponse(text + "\n", status_code=status)
        # Clients of the chat-completions protocol show the message of an error, or nothing but its number.
        return JSONResponse({"problems": [text], "error": {"message": text}}, status_code=status)

    def _knows(self, offered: str | None, headers: Mapping[str, str]) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            tried = given.strip()
        elif offered is not None:
            tried = offered
        else:
            tried = _cookie(headers.get("cookie", ""), self.cookie) if self.cookie else ""
        return hmac.compare_digest(tried.encode(), (self.token or "").encode())


def _refuse_change(headers: Mapping[str, str], host: str, largest: int = LARGEST) -> Refusal | None:
    """Only a page from here may change something: a form or a script of another site cannot send such a request."""
    origin = headers.get("origin")
    if origin is not None and _place(origin) != host:
        return (
            HTTPStatus.FORBIDDEN,
            "Only a page that is served here may send this. A proxy before it has to pass on the Host it was asked by "
            "(nginx: proxy_set_header Host $http_host).",
        )
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return HTTPStatus.FORBIDDEN, "Only a page that is served here may send this."
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send JSON, with Content-Type: application/json."
    length = headers.get("content-length", "")
    if not length.isdecimal() or "transfer-encoding" in headers:  # which would hide how long it is
        return HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length, and no Transfer-Encoding."
    if int(length) > largest:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {largest:,} bytes can be sent at once."
    return None


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _name(host: str) -> str:
    """The host without its port: ``[::1]:8765`` is ``::1``."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _query_token(scope: Scope) -> str | None:
    found = parse_qs(scope["query_string"].decode("latin-1")).get("token")
    return found[0] if found else None


def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found else ""
