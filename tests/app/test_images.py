"""Pages of images: what is sent, neighbours, walks, and marks that `generate` honours."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from fewray import api
from fewray.storage.rejects import read_rejects
from tests.app.conftest import Served, client_of, picture_of, token_of


def images(client: TestClient, key: str, query: str = "") -> list[dict[str, str]]:
    return client.get(f"/images/{key}.json{query}").json()["images"]


def test_sets_are_listed_with_their_counts(client: TestClient):
    found = {each["key"]: each["counts"] for each in client.get("/images.json").json()}
    assert found == {"real/0": {"a": 9, "b": 9}, "synthetic/made": {"a": 8, "b": 8}}


def test_images_are_shown_by_class(client: TestClient):
    assert {each["label"] for each in images(client, "real/0", "?class=b")} == {"b"}
    assert client.get("/images/real/0?class=none").status_code == 404
    assert client.get("/images/real/0?page=2").status_code == 422
    one = images(client, "synthetic/made", "?class=a")[0]
    sent = picture_of(client.get(f"/pixels/synthetic/made/{one['image']}.png?size=64").content)
    assert sent.shape == (64, 64)
    assert client.get(f"/pixels/synthetic/made/{one['image']}.png?size=65").status_code == 422
    assert client.get(f"/pixels/real/0/{one['image']}.png").status_code == 404


def test_pictures_are_those_of_the_files(client: TestClient, made: Served):
    with Image.open(made.runs / "made" / "a" / "seed000003.png") as image:
        expected = np.asarray(image)
    one = next(i for i in images(client, "synthetic/made", "?class=a") if i["seed"] == 3)
    sent = client.get(f"/pixels/synthetic/made/{one['image']}.png?size=64")
    assert (picture_of(sent.content) == expected).all()


def test_a_planted_copy_is_the_nearest_neighbour(served: Served):
    """A real image of the class replaces a synthetic one, mirrored and a little brighter."""
    with Image.open(served.real / "a" / "a4.png") as image:
        copy = np.clip(np.asarray(image)[:, ::-1] * 0.9 + 20, 0, 255).astype(np.uint8)
    path = served.runs / "made" / "a" / "seed000002.png"
    Image.fromarray(copy).save(path)
    table = served.runs / "made" / "manifest.csv"
    from fewray.storage.files import sha256_of

    lines = table.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("a/seed000002"))
    cells = lines[at].split(",")
    lines[at] = ",".join([*cells[:4], sha256_of(path), cells[5]])
    table.write_text("\n".join(lines) + "\n")
    client = client_of(served)
    one = next(i for i in images(client, "synthetic/made", "?class=a") if i["seed"] == 2)
    found = client.get(f"/image/synthetic/made/{one['image']}.json").json()["neighbours"]
    original = sha256_of(served.real / "a" / "a4.png")
    assert original.startswith(found[0]["image"])
    assert found[0]["distance"] < 0.1
    assert found[0]["distance"] < found[1]["distance"] / 3
    assert [n["distance"] for n in found] == sorted(n["distance"] for n in found)
    assert {n["label"] for n in found} == {"a"}
    assert all(n["trained_on"] for n in found)
    page = client.get(f"/image/synthetic/made/{one['image']}")
    assert page.status_code == 200


def test_a_difference_is_sent(client: TestClient):
    one, real = images(client, "synthetic/made")[0], images(client, "real/0")[0]
    address = f"/difference/synthetic/made/{one['image']}.png?set=real/0&image={real['image']}"
    assert picture_of(client.get(address).content).shape == (64, 64)
    assert client.get(address.replace("real/0&image", "real/7&image")).status_code == 404


def test_a_walk_begins_and_ends_with_the_images_of_its_seeds(client: TestClient, made: Served):
    view = client.get("/walk/gan.json?class=b&from=2&to=5").json()
    assert (view["first"], view["second"], view["problem"]) == (2, 5, "")
    for step, seed in ((0, 2), (8, 5)):
        sent = picture_of(client.get(f"/frames/gan/{step}.png?class=b&from=2&to=5").content)
        with Image.open(made.runs / "made" / "b" / f"seed{seed:06d}.png") as image:
            apart = np.abs(np.asarray(image).astype(int) - sent.astype(int))
        assert apart.max() <= 1
    assert client.get("/frames/gan/9.png?class=b&from=2&to=5").status_code == 422
    assert client.get("/walk/gan?class=none").status_code == 422
    assert client.get("/walk/gan?class=a&from=-1").status_code == 422
    assert client.get("/walk/study").status_code == 422


def test_marks_feed_a_list_that_generate_honours(served: Served):
    client = client_of(served)
    chosen = [i for i in images(client, "synthetic/made", "?class=a") if i["seed"] in (1, 4)]
    for one in chosen:
        page = client.get(f"/image/synthetic/made/{one['image']}")
        form = {"csrf": token_of(page.text), "set": "synthetic/made", "image": one["image"]}
        form |= {"marked": "1", "reason": "two <left> lungs"}
        assert "artefact" in client.post("/marks", data=form).text
    form = {"csrf": token_of(page.text), "run": "gan", "class": "a", "seed": "0", "marked": "1"}
    assert client.post("/marks", data=form).status_code == 200
    marks = read_rejects(served.runs / "made")
    assert [(m.label, m.seed, m.reason) for m in marks] == [
        ("a", 1, "two <left> lungs"),
        ("a", 4, "two <left> lungs"),
    ]
    assert len(images(client, "synthetic/made", "?marked=1")) == 2
    again = api.generate(served.runs / "gan", served.runs / "made", per_class=4, device="cpu")
    names = [row.path.stem for row in again.rows if row.label == "a"]
    assert names == ["seed000002", "seed000003", "seed000005", "seed000006"]
    assert next(row.path.stem for row in again.rows if row.label == "b") == "seed000000"
    assert again.about["marked"] == {"a": 3}
    assert any("reject list" in warning for warning in again.about["warnings"])
    sources = json.loads((served.runs / "made" / "generators.json").read_text())
    assert (sources["a"]["marked_seeds"], sources["b"]["marked_seeds"]) == ([0, 1, 4], [])
    notes = api.measure_quality(served.real, served.runs / "made", extractor="pixels").notes
    assert [note for note in notes if note.startswith("3 images were left out by hand")]
    # The list stays, and a removed mark ends it.
    form = {"csrf": token_of(page.text), "run": "gan", "class": "a", "seed": "0", "marked": "0"}
    assert client.post("/marks", data=form).status_code == 200
    assert read_rejects(served.runs / "gan") == ()
    assert len(read_rejects(served.runs / "made")) == 2


def test_marks_made_at_once_are_all_kept(served: Served):
    client = client_of(served)
    found = images(client, "synthetic/made")
    token = token_of(client.get(f"/image/synthetic/made/{found[0]['image']}").text)

    def mark(one: dict[str, str]) -> int:
        form = {"csrf": token, "set": "synthetic/made", "image": one["image"], "marked": "1"}
        return client.post("/marks", data=form, follow_redirects=False).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(mark, found)) == {303}
    assert len(read_rejects(served.runs / "made")) == len(found)


@pytest.mark.parametrize("changes", [{"set": "real/0"}, {"image": "0"}, {"set": "x"}])
def test_only_synthetic_images_can_be_marked(served: Served, changes: dict[str, str]):
    client = client_of(served)
    one = images(client, "synthetic/made")[0]
    token = token_of(client.get(f"/image/synthetic/made/{one['image']}").text)
    form = {"csrf": token, "set": "synthetic/made", "image": one["image"], "marked": "1"}
    real = images(client, "real/0")[0]["image"]
    changes = {"image": real, **changes} if "real/0" in changes.values() else changes
    assert client.post("/marks", data=form | changes).status_code in (404, 422)
    assert not (served.runs / "made" / "rejects.json").exists()


def test_the_pages_of_marked_images_stay_among_them(
    served: Served, monkeypatch: pytest.MonkeyPatch
):
    client = client_of(served)
    csrf = token_of(client.get("/reader-studies").text)
    for each in client.get("/images/synthetic/made.json?class=a").json()["images"][:2]:
        form = {"csrf": csrf, "set": "synthetic/made", "image": each["image"], "marked": "1"}
        client.post("/marks", data=form)
    monkeypatch.setattr("fewray.app.images.pages.PER_PAGE", 1)
    text = client.get("/images/synthetic/made?marked=1").text
    assert "page 1 of 2" in text
    assert re.search(r'rel="next" href="[^"]*\?marked=1&(amp;)?page=2"', text)
