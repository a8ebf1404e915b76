"""The synthetic images inside a study can be browsed fold by fold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from fewray.app.server import create_app
from fewray.generators.log import LOG
from fewray.results.files import write_study
from fewray.storage.jobs import JobStore
from tests.app.conftest import ORIGIN, picture_of
from tests.crossval_study import CLASSES, changed, crossval_study
from tests.helpers import smooth_images

COUNT = 3
FOLD = "study/generators/repeat-0-fold-1"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Write a study with the images of its second fold."""
    home = tmp_path / "study"
    home.mkdir()
    write_study(home, changed(crossval_study(), provenance={"keys": {"synthetic/0/1/0": "key"}}))
    (tmp_path / FOLD / "covid").mkdir(parents=True)
    (tmp_path / FOLD / "covid" / LOG).touch()
    store = JobStore(home / "jobs")
    images = smooth_images(COUNT * len(CLASSES), seed=1)[:, None]
    store.save_array("synthetic", "key", images)
    store.save("synthetic", "key", {"counts": [COUNT] * len(CLASSES)})
    return home


def browser(study: Path) -> TestClient:
    app = create_app(study.parent, origin=ORIGIN)
    return TestClient(app, base_url=ORIGIN, client=("127.0.0.1", 5000))


def test_the_images_of_a_fold_are_those_that_the_study_stored(study: Path):
    client = browser(study)
    (found,) = client.get("/images.json").json()
    assert found["key"] == f"synthetic/{FOLD}"
    assert found["counts"] == dict.fromkeys(CLASSES, COUNT)
    shown = client.get(f"/images/synthetic/{FOLD}.json?class={CLASSES[1]}").json()["images"]
    stored = smooth_images(COUNT * len(CLASSES), seed=1)[COUNT : 2 * COUNT]
    for each, image in zip(shown, stored, strict=True):
        assert each["seed"] is None  # so it cannot be marked
        address = f"/pixels/synthetic/{FOLD}/{each['image']}.png?size=64"
        np.testing.assert_array_equal(picture_of(client.get(address).content), image)
        page = client.get(f"/image/synthetic/{FOLD}/{each['image']}")
        assert page.status_code == 200
        assert "Mark as an artefact" not in page.text
    assert f"/images/synthetic/{FOLD}" in client.get("/images").text


def test_a_study_without_its_images_says_so(study: Path):
    for path in (study / "jobs").glob("*.npy"):
        path.unlink()
    client = browser(study)
    assert client.get(f"/images/synthetic/{FOLD}").status_code == 404
    assert "holds no images of the fold" in client.get("/images").text
    assert client.get(f"/images/synthetic/{FOLD[:-1]}7").status_code == 404
