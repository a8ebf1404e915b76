"""Requests that hang, break off or are no HTTP: refused in time, stopped without a traceback."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from fewray.app import connections, security
from fewray.app.connections import Connection
from fewray.app.security import HEADERS, Guard
from tests.app.conftest import Served, serving
from tests.helpers import noise_dataset

HANGING = (
    b"POST /marks HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n"
    b"Expect: 100-continue\r\n\r\n"
)


def in_thread(work: Coroutine[Any, Any, Any]) -> Any:
    """Run ``work`` in a thread of its own: browser tests leave a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def reading_app(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, then answer."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


def post(guard: Guard, *parts: bytes, stop: bool = False, gone: bool = False) -> list[Any]:
    """Post ``parts``, of which more never comes; return what is sent back.

    Then the server is stopped, or the client is gone.
    """
    waiting, sent = [*parts], []

    async def receive() -> Any:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(0), "more_body": True}
        if stop:
            task.cancel()
        if gone:
            return {"type": "http.disconnect"}
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        nonlocal task
        scope: Any = {"type": "http", "method": "POST", "path": "/marks", "client": ("::1", 1)}
        origin = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
        task = asyncio.ensure_future(guard({**scope, "headers": origin}, receive, send))
        await task

    task: Any = None
    in_thread(run())
    return sent


@pytest.mark.parametrize("parts", [(), (b"csrf=",)])
def test_a_body_that_does_not_come_is_refused(
    monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, ...]
):
    monkeypatch.setattr(security, "BODY_SECONDS", 0.0)
    start = post(Guard(reading_app, open_to_others=False), *parts)[0]
    assert start["status"] == 408
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    assert HEADERS.items() <= headers.items()
    assert headers["connection"] == "close"


def test_a_stopped_request_is_answered_without_an_error():
    assert post(Guard(reading_app, open_to_others=False), b"csrf=", stop=True)[0]["status"] == 503


def test_a_reader_who_goes_in_the_middle_of_a_post_is_no_error():
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Request(scope, receive).body()

    assert post(Guard(app, open_to_others=False), b"csrf=", gone=True) == []


class Transport(asyncio.Transport):
    """Keep what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed = b"", False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def connected(*parts: bytes) -> tuple[Connection, Transport]:
    """Return a connection on which ``parts`` have come."""
    import uvicorn
    from uvicorn.server import ServerState

    config = uvicorn.Config(reading_app, log_config=None)
    connection = Connection(config, ServerState(), {})
    connection.connection_made(transport := Transport())
    for part in parts:
        connection.data_received(part)
    return connection, transport


def test_headers_that_do_not_come_close_the_connection(monkeypatch: pytest.MonkeyPatch):
    async def run(*parts: bytes) -> bool:
        connection, transport = connected(*parts)
        due = connection._timer is not None
        for _ in range(3):  # the timer is due at once
            await asyncio.sleep(0)
        connection.connection_lost(None)
        assert connection._timer is None
        return due and transport.closed

    monkeypatch.setattr(connections, "SLOWEST", 0.0)
    assert in_thread(run())
    assert in_thread(run(b"GET / HTTP/1.1\r\n", b"Host: x"))
    assert not in_thread(run(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"a" * 2**17]
)
def test_what_is_no_http_gets_the_security_headers_too(noise: bytes):
    async def run() -> bytes:
        connection, transport = connected(noise)
        connection.connection_lost(None)
        return transport.written

    head, _, text = in_thread(run()).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    assert status == "HTTP/1.1 400 Bad Request"
    assert {f"{name}: {value}" for name, value in HEADERS.items()} <= set(lines)
    assert text == b"Invalid HTTP request received."


def test_ctrl_c_during_a_hanging_request_prints_no_traceback(tmp_path: Path):
    served = Served(tmp_path / "runs", noise_dataset(tmp_path / "real", {"a": 1, "b": 1}))
    served.runs.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "log"
    with (
        log.open("w") as stderr,
        serving(served, port, stderr=stderr) as process,
        socket.create_connection(("127.0.0.1", port)) as hanging,
    ):
        hanging.sendall(HANGING % (port, port))
        assert hanging.recv(100).startswith(b"HTTP/1.1 100")  # the app waits for the body
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    assert "Traceback" not in log.read_text()
