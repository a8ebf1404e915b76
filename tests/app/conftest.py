"""A folder of runs for the tests of the app: a trained run, its images, a study, a reader study."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from fewray import api
from fewray.app.server import create_app
from fewray.config import ReaderStudyOptions
from fewray.data.loading import load_dataset
from fewray.readers.study import create_study
from fewray.results.files import write_study
from tests.helpers import GAN, noise_dataset
from tests.results.test_files import crossval_study

ORIGIN = "http://127.0.0.1:8765"
OPTIONS = ReaderStudyOptions(
    num_real=6, num_synthetic=6, num_practice=2, num_repeats=2, image_size=64, ask_class=True
)


@dataclass(frozen=True)
class Served:
    """A folder of runs and the real images beside it."""

    runs: Path
    real: Path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Return a folder of runs. Tests that write use ``served``."""
    base = tmp_path_factory.mktemp("app")
    real = noise_dataset(base / "real", {"a": 9, "b": 9})
    runs = base / "runs"
    machine = {"device": "cpu", "precision": "fp32", "processes": 1, "threads": 1}
    api.train_generator(
        real, runs / "gan", options=GAN.with_(init_std=0.2, epochs=3), probe_every=0, **machine
    )
    api.generate(runs / "gan", runs / "made", per_class=8, device="cpu")
    (runs / "study").mkdir()
    write_study(runs / "study", crossval_study())
    (runs / "study" / "report.html").write_text("<!doctype html><title>Report</title><p>It harms.")
    sources = load_dataset(real), {"made": load_dataset(runs / "made")}
    create_study(runs / "readers", *sources, OPTIONS)
    return Served(runs, real)


@pytest.fixture
def served(made: Served, tmp_path: Path) -> Served:
    """Return a copy of the folder of runs that a test may change."""
    shutil.copytree(made.runs, tmp_path / "runs")
    return Served(tmp_path / "runs", made.real)


@pytest.fixture(scope="session")
def shared(made: Served) -> TestClient:
    """Return a browser on the machine that serves ``made``, for tests that change nothing."""
    return client_of(made)


@pytest.fixture
def client(shared: TestClient) -> TestClient:
    """Return the same browser without the cookies and headers of other tests."""
    shared.headers["origin"] = ORIGIN
    return shared


def client_of(served: Served, *, client: str = "127.0.0.1", host: str = "127.0.0.1") -> TestClient:
    """Return a browser on the machine with the address ``client``."""
    app = create_app(served.runs, data=[str(served.real)], host=host, origin=ORIGIN)
    return TestClient(app, base_url=ORIGIN, client=(client, 5000), headers={"origin": ORIGIN})


def picture_of(content: bytes) -> np.ndarray:
    """Return the pixels of a PNG file."""
    import io

    return np.asarray(Image.open(io.BytesIO(content)))


def token_of(text: str) -> str:
    """Return the token of the forms in a page."""
    return text.split('name="csrf" value="')[1].split('"')[0]


@contextmanager
def serving(served: Served, port: int, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a real server, which listens when it prints its address; kill it in the end."""
    code = "from fewray.cli import main; main()"
    words = ["serve", str(served.runs), "--data", str(served.real), "--port", str(port)]
    command = [sys.executable, "-c", code, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.strip().endswith(f"http://127.0.0.1:{port}"), line
            yield process
        finally:
            process.kill()
