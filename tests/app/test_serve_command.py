"""`fewray serve`: mistakes in one line, the address on stdout, a busy port."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fewray.app import server
from tests.helpers import run_cli


@pytest.fixture
def free() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


@pytest.fixture(autouse=True)
def never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "run", lambda app, opened: None)


@pytest.mark.parametrize(
    "words",
    [
        ["none"],
        ["file"],
        [".", "--data", "none"],
        [".", "--data", "empty"],
        [".", "--host", "no.such.host.invalid"],
        [".", "--host", "192.0.2.1"],
        [".", "--port", "99999999"],
        [".", "--port", "-1"],
        [".", "--port", "x"],
    ],
)
def test_mistakes_are_reported_in_one_line(
    tmp_path: Path,
    free: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("empty").mkdir()
    port = [] if "--port" in words else ["--port", free]
    assert run_cli(monkeypatch, "serve", *words, *port) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("fewray: ")
    assert captured.err.count("\n") == 1


def test_the_address_is_printed_and_a_busy_port_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with server.open_sockets("127.0.0.1", 0)[0] as busy:
        port = busy.getsockname()[1]
        assert run_cli(monkeypatch, "serve", tmp_path, "--port", port) == 0
    captured = capsys.readouterr()
    used = int(captured.out.rsplit(":", 1)[1])
    assert used > port
    assert captured.err == f"port {port} is busy; using {used}\n"


def test_a_server_for_others_says_that_it_is_not_encrypted(
    tmp_path: Path, free: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run_cli(monkeypatch, "serve", tmp_path, "--host", "0.0.0.0", "--port", free) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path}: http://127.0.0.1:{free}\n"
    assert "not encrypted" in captured.err


def test_a_server_for_others_listens_for_its_owner_too():
    opened = server.open_sockets("127.0.0.1", 0)
    assert len(opened) == 1
    opened += server.open_sockets("0.0.0.0", 0)
    assert len(opened) == 2  # all addresses include the owner's
    try:
        address = server.origin_of("0.0.0.0", 1).removeprefix("http://").removesuffix(":1")
        opened += server.open_sockets(address, 0)
        assert len({each.getsockname()[1] for each in opened[2:]}) == 1
        assert opened[-1].getsockname()[0].startswith("127.")
    finally:
        for each in opened:
            each.close()


def test_addresses_are_written_as_in_a_browser():
    assert server.origin_of("127.0.0.1", 80) == "http://127.0.0.1:80"
    assert server.origin_of("::1", 80) == "http://[::1]:80"
    assert "0.0.0.0" not in server.origin_of("0.0.0.0", 80)
