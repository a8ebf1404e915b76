"""Connections of the server: slow ones are closed, and uvicorn's own answers are guarded too."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from fewray.app.security import HEADERS

SLOWEST = 30.0
"""Seconds in which the headers of a request must have come, from the last answer or the start."""


class Connection(H11Protocol):
    """uvicorn's connection, with a time limit for headers and security headers on its 400."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        self._stop()

    def handle_events(self) -> None:
        """Handle what has come; wait for the headers of a request unless one is under way."""
        super().handle_events()
        self._watch()

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._timer is None:
            self._timer = self.loop.call_later(SLOWEST, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, with the security headers, and close the connection."""
        headers = {"content-type": "text/plain; charset=utf-8", "connection": "close"} | HEADERS
        status = HTTPStatus.BAD_REQUEST
        events = (
            h11.Response(
                status_code=status, headers=list(headers.items()), reason=status.phrase.encode()
            ),
            h11.Data(data=msg.encode()),
            h11.EndOfMessage(),
        )
        self.transport.writelines([self.conn.send(event) or b"" for event in events])
        self.transport.close()
