"""SIGTERM within a command: what `main.run` does with it."""

from __future__ import annotations

import os
import signal
import threading

import pytest
import typer

from fewray.cli.main import TERMINATED, run


def command(body) -> typer.Typer:
    app = typer.Typer()
    app.command()(body)
    return app


@pytest.fixture(autouse=True)
def arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["fewray"])


def test_a_command_is_interrupted_and_cleans_up(capsys: pytest.CaptureFixture[str]):
    ended = []

    def body() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(60)
        finally:
            ended.append(True)

    with pytest.raises(SystemExit) as caught:
        run(command(body))
    assert caught.value.code == TERMINATED == 128 + signal.SIGTERM
    assert capsys.readouterr().err.startswith("fewray: terminated; run the same command")
    assert ended
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_server_that_ends_by_itself_keeps_the_status():
    def body() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(60)
        except KeyboardInterrupt:
            pass

    with pytest.raises(SystemExit) as caught:
        run(command(body))
    assert caught.value.code == TERMINATED


def test_a_handler_of_somebody_else_stays(monkeypatch: pytest.MonkeyPatch):
    came = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        with pytest.raises(SystemExit) as caught:
            run(command(lambda: os.kill(os.getpid(), signal.SIGTERM)))
        assert (caught.value.code, came) == (0, [signal.SIGTERM])
    finally:
        signal.signal(signal.SIGTERM, before)
