"""Pages of runs: what they show of whole, damaged and unfinished runs."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from fewray.app.library import Library, kind_of
from fewray.app.runs.compare import Comparison
from fewray.app.runs.state import is_locked, training_progress
from fewray.app.server import create_app, open_sockets
from fewray.generators.log import read_log
from fewray.results.files import write_study
from fewray.results.training import EpochRow
from tests.app.conftest import ORIGIN, Served, client_of
from tests.crossval_study import crossval_study


def row(epoch: int, **values: float) -> EpochRow:
    facts = {
        "epochs": 10,
        "batches": 1,
        "step": epoch,
        "images_seen": epoch,
        "seconds": 2.0 * epoch,
    }
    return EpochRow(epoch=epoch, **{**facts, **values})  # pyright: ignore[reportArgumentType]


def test_runs_are_listed_with_their_kinds(client: TestClient):
    rows = {row["name"]: row for row in client.get("/runs.json").json()}
    kinds = {name: row["kind"] for name, row in rows.items()}
    assert kinds == {
        "gan": "training",
        "made": "images",
        "readers": "reader_study",
        "study": "study",
    }
    assert rows["readers"]["state"] == "stopped"  # nobody has read yet
    assert {row["state"] for n, row in rows.items() if n != "readers"} == {"complete"}
    assert rows["study"]["result"] == "It harms."
    assert rows["study"]["has_report"]
    assert not any(row["problem"] for row in rows.values())


def test_a_training_run_shows_what_its_log_says(client: TestClient, made: Served):
    found = client.get("/runs/gan.json").json()
    assert [each["label"] for each in found["generators"]] == ["a", "b"]
    for each in found["generators"]:
        log = read_log(made.runs / "gan" / each["label"])
        assert [r["loss_g"] for r in each["rows"]] == [r.loss_g for r in log]
        assert each["progress"]["done"] == each["progress"]["total"] == 3
    page = client.get("/runs/gan").text
    grid = "/grids/gan/a/fakes-000003.png"
    assert grid in page
    assert client.get(grid).content == (made.runs / "gan/a/fakes-000003.png").read_bytes()


def test_a_single_run_can_be_served(made: Served):
    client = client_of(Served(made.runs / "gan", made.real))
    assert [row["name"] for row in client.get("/runs.json").json()] == ["gan"]
    assert client.get("/runs/gan").status_code == 200
    assert client.get("/runs/study").status_code == 404


def test_a_folder_that_is_no_run(served: Served):
    (served.runs / "empty").mkdir()
    answer = client_of(served).get("/runs/empty.json")
    assert (answer.status_code, answer.json()["error"]) == (404, "no_run")
    assert "not a run" in client_of(served).get("/runs/empty").text


DAMAGE = {
    "study/study.json": ["", "{", '{"schema": 3}', '{"schema": 4}', "\xff", "[]", "null"],
    "gan/options.json": ["", "{"],
    "gan/a/options.json": ["", "[]"],
    "gan/a/stats.jsonl": ["x\ny\n", '{"epoch": 1}\n{}\n', "\xff\xfe\n\n"],
    "made/generators.json": ["", "{", '{"../a": 1}'],
    "made/manifest.csv": ["", "path,label\n", "\xff"],
    "readers/reader-study.json": ["", "{}", '{"schema": 1'],
    "readers/readers.json": ["", "{"],
}


@pytest.mark.parametrize(
    ("file", "content"), [(file, text) for file, texts in DAMAGE.items() for text in texts]
)
def test_damaged_files_give_a_page_that_says_so(served: Served, file: str, content: str):
    (served.runs / file).write_bytes(content.encode("latin-1"))
    client, name = client_of(served), file.partition("/")[0]
    pages = ["/runs", "/images", "/reader-studies", f"/runs/{name}", f"/compare?run={name}&run=gan"]
    for page in pages:
        answer = client.get(page)
        assert answer.status_code in (200, 404, 422), page
        assert "Traceback" not in answer.text
    # The others are shown as before.
    rows = {row["name"]: row for row in client.get("/runs.json").json()}
    assert {"gan", "made", "readers", "study"} <= set(rows)
    assert not [row for other, row in rows.items() if row["problem"] and other != name]


def test_runs_that_are_being_written(served: Served):
    log = served.runs / "gan" / "a" / "stats.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[:-20])  # the last line is not finished
    (served.runs / "made" / "manifest.csv").unlink()
    (served.runs / "new" / "a").mkdir(parents=True)
    (served.runs / "new" / "options.json").write_text("{")
    (served.runs / "new" / "a" / "options.json").write_text("{")
    (served.runs / "begun").mkdir()
    (served.runs / "begun" / "fold_assignment.json").write_text('{"folds": 4, "data": "covid4"}')
    client = client_of(served)
    with (served.runs / "gan" / "a" / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        rows = {row["name"]: row for row in client.get("/runs.json").json()}
        assert rows["gan"]["state"] == "running"
        assert rows["gan"]["progress"]["done"] == 5
        assert "data-live" in client.get("/runs/gan").text
    assert rows["made"]["state"] == rows["new"]["state"] == rows["begun"]["state"] == "stopped"
    for name in ("new", "begun", "gan"):
        assert client.get(f"/runs/{name}").status_code == 200
    assert "data-live" not in client.get("/runs/gan").text


def test_probing_a_lock_leaves_it_free(tmp_path: Path):
    assert not is_locked(tmp_path)
    assert not (tmp_path / ".lock").exists()
    with (tmp_path / ".lock").open("w") as stream:
        assert not is_locked(tmp_path)
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert is_locked(tmp_path)


def test_comparison(client: TestClient):
    page = client.get("/compare?run=gan&run=study&run=made")
    assert page.status_code == 200
    found = client.get("/compare.json?run=gan&run=study&run=made").json()
    assert (list(found["training"]), list(found["studies"])) == (["gan"], ["study"])
    assert list(found["problems"]) == ["made"]
    assert client.get("/compare?run=gan&run=none").status_code == 404
    assert client.get("/compare", follow_redirects=False).headers["location"] == "/runs"


def test_a_score_of_nearly_0_has_no_minus_sign():
    found = Comparison(studies={}, training={}, quality={"r": {"a": {"kid": -1e-5}}}, problems={})
    assert found.metrics == [("a", "KID", ["0.000"])]


def test_a_busy_port_gives_the_next_free_one():
    with open_sockets("127.0.0.1", 0)[0] as first:
        port = first.getsockname()[1]
        with open_sockets("127.0.0.1", port)[0] as second:
            assert second.getsockname()[1] > port


def test_the_time_left_follows_the_pace():
    assert training_progress([]).total == 0
    assert training_progress([row(1)]).seconds_left is None
    assert training_progress([row(e) for e in range(1, 5)]).seconds_left == pytest.approx(12.0)


def test_nested_runs_are_found_once(made: Served):
    library = Library(made.runs)
    assert kind_of(made.runs) is None
    assert len({run.folder for run in library.runs()}) == len(library.runs())


def test_an_error_of_the_app_is_a_page_without_traceback(
    served: Served, monkeypatch: pytest.MonkeyPatch
):
    app = create_app(served.runs, data=[str(served.real)])
    client = TestClient(
        app, base_url=ORIGIN, client=("127.0.0.1", 1), raise_server_exceptions=False
    )

    def broken(folder: Path) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("fewray.app.runs.pages.view_training", broken)
    answer = client.get("/runs/gan")
    assert answer.status_code == 500
    assert "inside" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]

    def unreadable(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", "stats.jsonl")

    monkeypatch.setattr("fewray.app.runs.pages.view_training", unreadable)
    answer = client.get("/runs/gan.json")
    assert (answer.status_code, answer.json()["error"]) == (422, "unreadable")
    assert answer.json()["message"] == "stats.jsonl: cannot be read (Permission denied)."


def test_a_study_says_how_many_images_were_copies(served: Served):
    study = crossval_study()
    assert study.rejected_copies
    write_study(served.runs / "study", study)
    client = client_of(served)
    copies = sum(each.rejected for each in study.rejected_copies.values())
    shown = client.get("/runs/study.json").json()
    assert f"{copies} of " in shown["memorised"]
    page = client.get("/runs/study").text
    assert page.index(shown["memorised"]) < page.index("<table")
    assert page.index("Main caveat") < page.index(shown["memorised"])


def test_a_study_is_read_again_when_it_changes(served: Served):
    client = client_of(served)
    assert client.get("/runs/study.json").json()["verdicts"] == ["It harms."]
    path = served.runs / "study" / "study.json"
    path.write_text(path.read_text().replace("It harms.", "It helps a bit."))
    assert client.get("/runs/study.json").json()["verdicts"] == ["It helps a bit."]
