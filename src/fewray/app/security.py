"""What every request must pass and every response carries.

The app has no accounts. Its owner is whoever opens it on this machine: a loopback client that asked
for a loopback host. Everyone else reaches the pages of readers only, by the token in the address.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 64 * 1024
"""Bytes of a request's body. Forms of the app are far smaller."""
BODY_SECONDS = 20.0
"""Time in which a request's body must have come."""
LOOPBACK_NAMES = ("localhost",)
OPEN_PATHS = ("/read/", "/static/")
"""What other machines may reach."""
POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
REPORT_POLICY = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; font-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox allow-scripts allow-downloads allow-modals"
)
"""Of a report, one file with its own scripts: they cannot reach the app or the network."""
UNREAD = (408, 413, 503)
"""Answers before the whole request was read: the connection cannot be used again."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Return whether a name or address, without port, is of this machine only."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def host_of(value: str) -> str:
    """Return the host in a Host header, without port; empty if it cannot be one."""
    try:
        return urlsplit(f"//{value}").hostname or ""
    except ValueError:
        return ""


class Guard:
    """Refuse what is not meant for this app, and add the security headers.

    A page of another site can make a browser send requests here. DNS rebinding is stopped by the
    Host header: ``hosts`` are the names that the app answers to, beside loopback names and, if it
    is open to other machines, plain addresses. Posts need an Origin, or a Sec-Fetch-Site, of the
    app itself, and forms carry a token (:class:`Forms`).
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str] = (), open_to_others: bool) -> None:
        self.app = app
        self.hosts = frozenset(name.lower() for name in hosts)
        self.open_to_others = open_to_others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        async def refuse(status: int, text: str) -> None:
            headers = {"connection": "close"} if status in UNREAD else {}
            answer = PlainTextResponse(f"{text}\n", status, headers)
            await answer(scope, receive, send_with_headers)

        if refusal := self.refusal(scope):
            await refuse(*refusal)
            return
        try:
            await self.app(scope, Limited(receive), send_with_headers)
        except TooLarge:
            await refuse(413, "The request is too large.")
        except TooSlow:
            await refuse(408, "The request did not arrive in time.")
        except ClientDisconnect:  # before its body had come: nobody waits for an answer
            return
        except asyncio.CancelledError:  # Ctrl-C: nothing waits for this task
            if not started:
                await refuse(503, "The server has been stopped.")

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and reason with which a request is refused; None if it is not."""
        headers = Headers(scope=scope)
        host = host_of(headers.get("host", ""))
        if not self._known(host):
            return 400, "This address is not one of the app's own."
        client = (scope.get("client") or ("", 0))[0]
        owner = is_loopback(client) and is_loopback(host)
        if not owner and not scope["path"].startswith(OPEN_PATHS):
            return 403, "Only the machine that runs fewray may see this page."
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY:
            return 413, "The request is too large."
        if scope["method"] not in ("GET", "HEAD") and not same_site(headers):
            return 403, "This form was sent by another site."
        return None

    def _known(self, host: str) -> bool:
        if is_loopback(host) or host in self.hosts:
            return True
        try:  # an address cannot be rebound, a name can
            return self.open_to_others and bool(ipaddress.ip_address(host))
        except ValueError:
            return False


def same_site(headers: Headers) -> bool:
    """Return whether a post comes from a page of the app itself, by Origin and Sec-Fetch-Site."""
    site = headers.get("sec-fetch-site")
    if site not in (None, "same-origin"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return site == "same-origin"
    try:
        return urlsplit(origin).netloc == headers.get("host", "")
    except ValueError:  # as of "http://[x"
        return False


class TooLarge(Exception):
    """A body without a stated length that exceeds ``MAX_BODY``."""


class TooSlow(Exception):
    """A body that has not come whole in ``BODY_SECONDS``."""


class Limited:
    """A request's body; TooLarge beyond ``MAX_BODY``, TooSlow after ``BODY_SECONDS``."""

    def __init__(self, receive: Receive) -> None:
        self.receive, self.size = receive, 0
        self.deadline: float | None = asyncio.get_running_loop().time() + BODY_SECONDS

    async def __call__(self) -> Message:
        """Return the next part, or that the client has gone."""
        try:
            async with asyncio.timeout_at(self.deadline):
                message = await self.receive()
        except TimeoutError:
            raise TooSlow from None
        self.size += len(message.get("body", b""))
        if self.size > MAX_BODY:
            raise TooLarge
        if not message.get("more_body"):
            self.deadline = None  # what comes next is the end of the connection
        return message


class Forms:
    """Tokens of forms: a page of another site cannot read them, so it cannot post."""

    def __init__(self) -> None:
        self.secret = secrets.token_bytes(32)

    def token(self, purpose: str = "owner") -> str:
        """Return the token that a form must send back."""
        return hmac.digest(self.secret, purpose.encode(), "sha256").hex()

    def is_genuine(self, token: str, purpose: str = "owner") -> bool:
        """Return whether ``token`` is that of a form of this server."""
        return hmac.compare_digest(token.encode(), self.token(purpose).encode())
