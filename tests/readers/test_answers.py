"""Designs, readers, and answers that survive crashes, retries and many readers at once."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from fewray.config import ReaderStudyOptions
from fewray.data.loading import load_dataset
from fewray.errors import InputError
from fewray.readers.answers import LOG, read_answers
from fewray.readers.invitations import READERS, invite_reader, reader_of, renew_token, set_grade
from fewray.readers.order import reading_order
from fewray.readers.session import ReadingSession
from fewray.readers.study import ReaderStudy, create_study, open_study
from fewray.results.readers.study import Answer

SMALL = ReaderStudyOptions(
    num_real=8, num_synthetic=6, num_practice=4, num_repeats=3, image_size=16
)


def folder_of_images(folder: Path, number: int, seed: int, patients: int | None = None) -> Path:
    """Write ``number`` images per class of two classes, named after their patients."""
    draw = np.random.default_rng(seed)
    for label in ("normal", "pneumonia"):
        (folder / label).mkdir(parents=True)
        for i in range(number):
            patient = f"{label[0]}{i % (patients or number)}"
            image = Image.fromarray(draw.integers(0, 256, (20, 24), np.uint8))
            image.save(folder / label / f"p{patient}-{i}.png")
    return folder


@pytest.fixture
def study(tmp_path: Path) -> ReaderStudy:
    real = load_dataset(
        folder_of_images(tmp_path / "real", 12, 0, patients=9), group_regex="p(.+)-"
    )
    made = {n: load_dataset(folder_of_images(tmp_path / n, 12, i)) for i, n in enumerate("ab", 1)}
    return create_study(tmp_path / "study", real, made, SMALL)


def answer(showing: str, **changes: object) -> Answer:
    values = {"showing": showing, "synthetic": True, "confidence": 3, "ms": 1200, **changes}
    return msgspec.convert(values, Answer)


def session(study: ReaderStudy) -> ReadingSession:
    return ReadingSession(study, invite_reader(study.folder, "resident").reader.id)


def read_all(reading: ReadingSession) -> None:
    while (showing := reading.next()) is not None:
        reading.answer(answer(showing.id))


def test_a_design_has_equal_classes_and_one_image_per_patient(study: ReaderStudy):
    test = [item for item in study.file.items if not item.practice]
    counts = Counter((item.generator, item.label) for item in test)
    assert counts == {
        **{(None, label): 4 for label in ("normal", "pneumonia")},
        **{(name, label): 3 for name in "ab" for label in ("normal", "pneumonia")},
    }
    patients = [Path(i.source).stem.split("-")[0] for i in study.file.items if i.kind == "real"]
    assert len(set(patients)) == len(patients) == 10
    practice = [item.kind for item in study.file.items if item.practice]
    assert Counter(practice) == {"real": 2, "synthetic": 2}
    assert Counter(item.kind for item in test if item.again) == {"real": 2, "synthetic": 1}
    assert len({item.sha256 for item in study.file.items}) == len(study.file.items)


def test_the_same_seed_draws_the_same_images_in_the_same_order(tmp_path: Path):
    real = load_dataset(folder_of_images(tmp_path / "real", 12, 0))
    made = {"a": load_dataset(folder_of_images(tmp_path / "a", 12, 1))}

    def sources(name: str, seed: int, reader: str) -> list[str]:
        options = SMALL.with_(seed=seed)
        made_study = create_study(tmp_path / name, real, made, options)
        return [
            made_study.item_of[showing].source
            for showing in ReadingSession(made_study, reader).order
        ]

    first = sources("s1", 0, "reader01")
    assert first == sources("s2", 0, "reader01")
    assert first != sources("s3", 0, "reader02")
    assert set(first) != set(sources("s4", 1, "reader01"))


def test_repeats_are_far_from_the_first_showing(study: ReaderStudy):
    for reader in range(50):
        order = reading_order(study.file.items, 0, f"reader{reader}")
        assert len(order) == len(set(order)) == 4 + 8 + 12 + 3
        for item in study.file.items:
            if item.again:
                assert order.index(item.again) - order.index(item.id) >= 4


def test_nothing_a_reader_sees_tells_the_truth(study: ReaderStudy):
    reading = session(study)
    for item in study.file.items:
        words = {item.kind, item.label, item.source, *(item.generator or "").split()}
        assert not any(word in (item.id, item.again) for word in words)
        with Image.open(study.picture(item.id)) as picture:
            assert (picture.size, picture.mode, picture.info) == ((16, 16), "L", {})
    showing = reading.next()
    assert showing is not None
    assert not {"kind", "generator", "source", "label"} & set(msgspec.to_builtins(showing))
    while (showing := reading.next()) is not None:
        receipt = reading.answer(answer(showing.id))
        assert (receipt.truth is None) == (not showing.practice)
    assert reading.progress().complete


def test_files_keep_their_place_but_not_their_order(study: ReaderStudy):
    kinds = [item.kind for item in study.file.items]
    assert any(a != b for a, b in pairwise(kinds))
    assert kinds != sorted(kinds)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"num_real": 40}, "too_few_images"),
        ({"num_synthetic": 40, "num_repeats": 3}, "too_few_images"),
        ({"classes": ("normal", "covid")}, "class_missing"),
    ],
)
def test_designs_that_cannot_be(tmp_path: Path, changes: dict[str, object], code: str):
    real = load_dataset(folder_of_images(tmp_path / "real", 6, 0))
    made = {"a": load_dataset(folder_of_images(tmp_path / "a", 6, 1))}
    with pytest.raises(InputError) as caught:
        create_study(tmp_path / "study", real, made, SMALL.with_(**changes))
    assert caught.value.code == code


def test_a_real_image_among_the_synthetic_ones_is_refused(tmp_path: Path):
    real = load_dataset(folder_of_images(tmp_path / "real", 8, 0))
    made = {"a": load_dataset(folder_of_images(tmp_path / "a", 8, 0))}
    with pytest.raises(InputError) as caught:
        create_study(tmp_path / "study", real, made, SMALL)
    assert caught.value.code == "same_image"


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "reader_study_not_found"), (b"{", "reader_study_damaged"), (b"{}", None)],
)
def test_folders_that_are_no_study(tmp_path: Path, content: bytes | None, code: str | None):
    if content is not None:
        (tmp_path / "reader-study.json").write_bytes(content)
    with pytest.raises(InputError) as caught:
        open_study(tmp_path)
    assert caught.value.code == (code or "reader_study_damaged")


def test_tokens_are_secret_and_identify(study: ReaderStudy):
    first, second = invite_reader(study.folder), invite_reader(study.folder, "consultant")
    stored = (study.folder / READERS).read_text()
    assert first.token not in stored
    assert reader_of(study.folder, first.token) == first.reader
    assert reader_of(study.folder, second.token) == second.reader
    assert reader_of(study.folder, first.token[:-1]) is None
    assert reader_of(study.folder, "\ud800") is None
    assert set_grade(study.folder, first.reader.id, "student").grade == "student"
    renewed = renew_token(study.folder, first.reader.id)
    assert reader_of(study.folder, first.token) is None
    found = reader_of(study.folder, renewed.token)
    assert found is not None
    assert found.grade == "student"


def test_a_retry_counts_once_and_the_first_answer_stands(study: ReaderStudy):
    reading = session(study)
    showing = reading.next()
    assert showing is not None
    first = reading.answer(answer(showing.id, confidence=5))
    second = reading.answer(answer(showing.id, confidence=1, synthetic=False))
    assert (first.new, second.new) == (True, False)
    assert second.stored == first.stored
    assert [each.confidence for each in read_answers(study.answers_folder(reading.reader))] == [5]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"showing": "forged"}, "unknown_showing"),
        ({"label": "covid"}, "unknown_value"),
        ({"x": 0.5}, "half_a_click"),
    ],
)
def test_answers_that_are_refused(study: ReaderStudy, change: dict[str, object], code: str):
    reading = session(study)
    showing = reading.next()
    assert showing is not None
    with pytest.raises(InputError) as caught:
        reading.answer(answer(**{"showing": showing.id, **change}))
    assert caught.value.code == code
    assert reading.progress().practice_done == 0


def test_an_image_that_was_not_shown_cannot_be_answered(study: ReaderStudy):
    reading = session(study)
    with pytest.raises(InputError) as caught:
        reading.answer(answer(reading.order[1]))
    assert caught.value.code == "not_due"


@pytest.mark.parametrize(
    "change", [{"confidence": 0}, {"confidence": 6}, {"x": 1.1}, {"ms": -1}, {"at": "now"}]
)
def test_values_out_of_range_cannot_be_read(change: dict[str, object]):
    with pytest.raises(msgspec.ValidationError):
        answer("id", **change)


@pytest.mark.parametrize(
    ("synthetic", "confidence", "rating"),
    [(False, 5, 1), (False, 1, 5), (True, 1, 6), (True, 5, 10)],
)
def test_ratings(synthetic: bool, confidence: int, rating: int):
    assert answer("id", synthetic=synthetic, confidence=confidence).rating == rating


@pytest.mark.parametrize("keep", range(0, 150, 30))
def test_a_torn_last_line_is_dropped_and_answered_again(study: ReaderStudy, keep: int):
    reading = session(study)
    for _ in range(3):
        reading.answer(answer(reading.next().id))  # pyright: ignore[reportOptionalMemberAccess]
    log = study.answers_folder(reading.reader) / LOG
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:2]) + lines[2][: min(keep, len(lines[2]) - 1)])
    assert len(read_answers(log.parent)) == 2
    again = reading.next()
    assert again is not None
    assert again.id == json.loads(lines[2])["showing"]
    reading.answer(answer(again.id))
    assert [each.showing for each in read_answers(log.parent)] == reading.order[:3]


def test_a_damaged_line_in_the_middle_is_an_error(study: ReaderStudy):
    reading = session(study)
    read_all(reading)
    log = study.answers_folder(reading.reader) / LOG
    log.write_bytes(log.read_bytes().replace(b"confidence", b"confidenc", 1))
    with pytest.raises(InputError) as caught:
        reading.progress()
    assert (caught.value.code, caught.value.fields["line"]) == ("answers_damaged", 1)


def test_twenty_readers_at_once_lose_and_double_nothing(study: ReaderStudy):
    """Every reader sends every answer twice, at the same time, as a browser that retries does."""
    readings = [session(study) for _ in range(20)]

    def post(reading: ReadingSession) -> int:
        new = 0
        with ThreadPoolExecutor(2) as two:
            while (showing := reading.next()) is not None:
                receipts = two.map(reading.answer, [answer(showing.id)] * 2)
                new += sum(receipt.new for receipt in receipts)
        return new

    with ThreadPoolExecutor(20) as pool:
        stored = list(pool.map(post, readings))
    total = len(readings[0].order)
    assert stored == [total] * 20
    for reading in readings:
        answers = read_answers(study.answers_folder(reading.reader))
        assert [each.showing for each in answers] == reading.order


def test_every_confirmed_answer_survives_kill_9(study: ReaderStudy):
    reading = session(study)
    script = f"""
        import os, signal
        from pathlib import Path
        from fewray.readers.session import ReadingSession
        from fewray.readers.study import open_study
        from fewray.results.readers.study import Answer
        reading = ReadingSession(open_study(Path({str(study.folder)!r})), {reading.reader!r})
        for number in range(5):
            showing = reading.next()
            reading.answer(Answer(showing=showing.id, synthetic=True, confidence=2, ms=9))
            print(showing.id, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -9, done.stderr
    confirmed = done.stdout.split()
    answers = read_answers(study.answers_folder(reading.reader))
    assert [each.showing for each in answers] == confirmed == reading.order[:5]
    read_all(reading)
    assert reading.progress().complete


def test_the_order_does_not_follow_from_the_seed_and_the_numbers(study: ReaderStudy):
    """A reader who knows the code and the options must not know where the real images are."""
    items = study.file.items
    by_kind = sorted(items, key=lambda item: (item.generator or "", item.sha256))
    guessed = reading_order(by_kind, study.options.seed, "reader01")
    told = [study.item_of[each].kind for each in guessed]
    assert told != [study.item_of[each].kind for each in session(study).order]
