"""The analysis of a whole study: results, exports and what they say."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from fewray.config import ReaderStudyOptions
from fewray.data.loading import load_dataset
from fewray.errors import InputError
from fewray.readers.analyse import analyse_study
from fewray.readers.export import export_readings, imrmc_text, read_imrmc, readings_csv
from fewray.readers.invitations import invite_reader
from fewray.readers.reading_table import reading_table
from fewray.readers.session import ReadingSession
from fewray.readers.statistics.auc import placements
from fewray.readers.study import ReaderStudy, create_study
from fewray.report.blocks import Drawing
from fewray.report.pages.readers.page import most_convincing, reader_tables
from fewray.report.pages.readers.plots import click_maps
from fewray.results.readers.scores import read_results, write_results
from fewray.results.readers.study import Answer, Item
from fewray.results.readers.text import limits, methods, sentences

OPTIONS = ReaderStudyOptions(
    num_real=10, num_synthetic=8, num_practice=4, num_repeats=4, image_size=16, seconds=2
)
Replies = Callable[[Item, np.random.Generator], Answer]


def make_study(tmp_path: Path, options: ReaderStudyOptions = OPTIONS, names: str = "ab"):
    draw = np.random.default_rng(0)
    for name in ("real", *names):
        for label in ("normal", "pneumonia"):
            (tmp_path / name / label).mkdir(parents=True)
            for i in range(8):
                image = Image.fromarray(draw.integers(0, 256, (16, 16), np.uint8))
                image.save(tmp_path / name / label / f"{i}.png")
    made = {name: load_dataset(tmp_path / name) for name in names}
    return create_study(tmp_path / "study", load_dataset(tmp_path / "real"), made, options)


def reads(study: ReaderStudy, reply: Replies, seed: int, until: int = 10_000) -> ReadingSession:
    session = ReadingSession(study, invite_reader(study.folder, "resident").reader.id)
    draw = np.random.default_rng(seed)
    for _ in range(until):
        if (showing := session.next()) is None:
            break
        reply_to = reply(study.item_of[showing.id], draw)
        session.answer(msgspec.structs.replace(reply_to, showing=showing.id))
    return session


def skilled(item: Item, draw: np.random.Generator) -> Answer:
    """Recognise generator b always, generator a half of the time."""
    sure = item.generator != "a" or draw.random() < 0.5
    synthetic = item.synthetic if sure else bool(draw.random() < 0.5)
    confidence = int(draw.integers(1, 6))
    click = {"x": 0.1, "y": 0.9} if synthetic else {}
    ms = 3000 if item.generator == "b" else 1000
    return Answer(showing="", synthetic=synthetic, confidence=confidence, ms=ms, **click)


def guessing(item: Item, draw: np.random.Generator) -> Answer:
    synthetic = bool(draw.random() < 0.5)
    return Answer(showing="", synthetic=synthetic, confidence=int(draw.integers(1, 6)), ms=500)


def perfect(item: Item, draw: np.random.Generator) -> Answer:
    return Answer(showing="", synthetic=item.synthetic, confidence=5, ms=500)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> ReaderStudy:
    made = make_study(tmp_path_factory.mktemp("analysis"))
    for seed in range(4):
        reads(made, skilled, seed)
    reads(made, skilled, 9, until=10)
    return made


def test_scores_of_a_reader(study: ReaderStudy):
    found = analyse_study(study)
    table = reading_table(study)
    first = found.readers[0]
    called = table.ratings[0] > 5
    assert first.accuracy.value == pytest.approx((called == table.synthetic).mean())
    assert first.sensitivity.value == pytest.approx(called[table.synthetic].mean())
    assert first.specificity.value == 1
    assert (first.num_real, first.num_synthetic, first.grade) == (10, 16, "resident")
    assert first.auc["b"].value == 1
    of_real, _ = placements(
        table.ratings[0, ~table.synthetic], table.ratings[0, table.of_generator("a")]
    )
    assert first.auc["a"].value == pytest.approx(of_real.mean())
    assert (first.repeats, first.late >= 8) == (4, True)
    assert first.class_accuracy is None


def test_readers_who_have_not_finished_are_listed_only(study: ReaderStudy):
    found = analyse_study(study)
    assert len(found.readers) == 4
    assert [(left.reader, left.done, left.total) for left in found.left_out] == [
        ("reader05", 6, 30)
    ]
    assert {"readers_left_out", "few_readers", "patients_unknown"} == {
        warning.code for warning in found.warnings
    }


def test_averages_and_comparison(study: ReaderStudy):
    found = analyse_study(study)
    by_name = {each.generator: each for each in found.averaged}
    mean = np.mean([reader.auc["a"].value for reader in found.readers])
    assert by_name["a"].auc == pytest.approx(mean)
    assert by_name["b"].auc == 1
    assert by_name["b"].ci is None
    assert by_name["b"].undefined
    (comparison,) = found.comparisons
    assert comparison.difference == pytest.approx(mean - 1)
    assert comparison.ci is not None
    assert comparison.p == comparison.p_holm


def test_clicks_and_images(study: ReaderStudy):
    found = analyse_study(study)
    grid = np.array(found.clicks.synthetic)
    assert grid[14, 1] == grid.sum() > 0
    assert np.array(found.clicks.real).sum() == 0
    best = found.images[0]
    assert (best.kind, best.generator, best.readers) == ("synthetic", "a", 4)
    assert [image.kind for image in found.images] == ["synthetic"] * 16 + ["real"] * 10


def rated(ratings: dict[str, int]) -> Replies:
    """Give these ratings, by image, and recognise all others for certain."""

    def reply(item: Item, draw: np.random.Generator) -> Answer:
        rating = ratings.get(item.id, 10 if item.synthetic else 1)
        confidence = rating - 5 if rating > 5 else 6 - rating
        return Answer(showing="", synthetic=rating > 5, confidence=confidence, ms=500)

    return reply


def test_images_taken_for_real_are_ordered_by_how_often(tmp_path: Path):
    study = make_study(tmp_path, names="a")
    first, second, *_ = (i for i in study.file.items if i.synthetic and not i.practice)
    for one, other in ((5, 1), (5, 6), (10, 6)):
        reads(study, rated({first.id: one, second.id: other}), 0)
    found = analyse_study(study)
    assert [image.id for image in found.images[:2]] == [first.id, second.id]
    assert [image.called_real for image in found.images[:3]] == [2, 1, 0]
    assert found.images[0].mean_rating > found.images[1].mean_rating  # but fewer took the second
    assert [image.id for image in most_convincing(found)] == [first.id, second.id]


def test_results_do_not_depend_on_the_random_ids(study: ReaderStudy, tmp_path: Path):
    again = make_study(tmp_path)
    for seed in range(4):
        reads(again, skilled, seed)
    first, second = analyse_study(study), analyse_study(again)
    assert first.readers == second.readers
    assert first.averaged == second.averaged
    assert first.clicks == second.clicks


def test_results_are_written_and_read(study: ReaderStudy, tmp_path: Path):
    found = analyse_study(study)
    write_results(tmp_path, found)
    assert read_results(tmp_path) == found
    (tmp_path / "reader-results.json").write_text("{}")
    with pytest.raises(InputError) as caught:
        read_results(tmp_path)
    assert caught.value.code == "reader_results_invalid"


def test_perfect_readers_get_no_invented_interval(tmp_path: Path):
    study = make_study(tmp_path, names="a")
    for seed in range(3):
        reads(study, perfect, seed)
    found = analyse_study(study)
    assert found.averaged[0].auc == 1
    assert found.averaged[0].ci is None
    assert found.readers[0].auc["a"].ci is not None
    assert found.between_readers.kappa == 1
    assert found.between_readers.ci is None
    assert any("kappa 1.00, no interval (3 readers" in line for line in sentences(found))
    assert not found.comparisons
    assert any("1.00" in line for line in sentences(found))


def test_one_reader_has_no_average(tmp_path: Path):
    study = make_study(tmp_path, names="a")
    with pytest.raises(InputError) as caught:
        analyse_study(study)
    assert caught.value.code == "no_reader_finished"
    reads(study, guessing, 0)
    found = analyse_study(study)
    assert found.averaged[0].ci is None
    assert found.between_readers.kappa is None
    assert methods(found).startswith("1 reader (1 resident) read ")


def test_no_difference_has_no_minus_sign(study: ReaderStudy):
    found = analyse_study(study)
    none = msgspec.structs.replace(found.comparisons[0], difference=-1e-17)
    equal = msgspec.structs.replace(found, comparisons=(none,))
    assert any("minus AUC of b: +0.00 " in line for line in sentences(equal))
    assert reader_tables(equal)[1].rows[0][1] == "+0.000"


def test_the_text_says_how_little_64_pixels_mean(study: ReaderStudy):
    found = analyse_study(study)
    small = msgspec.structs.replace(found, options={**found.options, "image_size": 64})
    large = msgspec.structs.replace(found, options={**found.options, "image_size": 1024})
    assert "size" in {limit.code for limit in limits(small)}
    assert "size" not in {limit.code for limit in limits(large)}
    assert "64 x 64" in methods(small)


def test_the_csv_holds_every_answer(study: ReaderStudy):
    table = reading_table(study)
    rows = list(csv.DictReader(io.StringIO(readings_csv(table, ("a", "b")))))
    assert len(rows) == 4 * (26 + 4)
    assert {row["showing"] for row in rows} == {"first", "again"}
    assert {row["modality"] for row in rows if row["kind"] == "real"} == {""}
    row = next(r for r in rows if r["reader"] == "reader02" and r["showing"] == "first")
    item = table.items[int(row["case"]) - 1]
    assert row["rating"] == str(table.first[1][item.id].rating)
    assert row["source"] == item.source


def test_imrmc_gives_the_same_auc_when_read_back(study: ReaderStudy, tmp_path: Path):
    table = reading_table(study)
    text = imrmc_text(table, ("a", "b"))
    assert text.splitlines()[1:7] == ["NR: 4", "N0: 10", "N1: 16", "NM: 2", "", "BEGIN DATA:"]
    truth, scores = read_imrmc(text)
    assert (len(truth), truth[:, 1].sum(), len(scores)) == (26, 16, 8)
    of_case = {str(int(case)): value for case, value in truth}
    found = analyse_study(study)
    for (reader, modality), by_case in scores.items():
        sides = [[s for case, s in by_case.items() if of_case[case] == t] for t in (0, 1)]
        assert [len(side) for side in sides] == [10, 8]
        auc = placements(np.array(sides[0]), np.array(sides[1]))[0].mean()
        name = {"1": "a", "2": "b"}[modality]
        assert auc == pytest.approx(found.readers[int(reader) - 1].auc[name].value)
    paths = export_readings(table, ("a", "b"), tmp_path / "out")
    assert [path.name for path in paths] == ["readings.csv", "readings.imrmc"]


@pytest.mark.parametrize("text", ["", "BEGIN DATA:\n", "BEGIN DATA:\n1,2,3\n"])
def test_text_that_is_not_imrmc(text: str):
    with pytest.raises(InputError) as caught:
        read_imrmc(text)
    assert caught.value.code == "imrmc_invalid"


def test_of_two_answers_to_an_image_the_first_stands(tmp_path: Path):
    study = make_study(tmp_path)
    reader = reads(study, skilled, 0).reader
    before = reading_table(study).ratings
    log = study.answers_folder(reader) / "answers.jsonl"
    last = msgspec.json.decode(log.read_bytes().splitlines()[-1])
    again = msgspec.json.encode(last | {"synthetic": not last["synthetic"]})
    log.write_bytes(log.read_bytes() + again + b"\n")
    assert (reading_table(study).ratings == before).all()


def test_the_methods_name_only_what_was_computed(tmp_path: Path):
    study = make_study(tmp_path, OPTIONS.with_(num_repeats=0))
    reads(study, skilled, 0)
    assert "kappa" not in methods(analyse_study(study))
    reads(study, skilled, 1)
    text = methods(analyse_study(study))
    assert "Fleiss" in text
    assert "Cohen" not in text


@pytest.mark.parametrize("number", [6, 7])
def test_the_methods_give_the_counts_of_unequal_classes(tmp_path: Path, number: int):
    study = make_study(tmp_path, OPTIONS.with_(num_real=number, num_synthetic=number))
    reads(study, skilled, 0)
    text = methods(analyse_study(study))
    codes = {warning.code for warning in study.file.warnings} - {"patients_unknown"}
    assert ("equal numbers of normal and pneumonia" in text) == (number == 6)
    assert (
        "(4 normal, 3 pneumonia, among the real and among the synthetic images of each" in text
    ) == (number == 7)
    assert codes == (
        {"unequal_real_classes", "unequal_synthetic_classes"} if number == 7 else set()
    )


def test_the_methods_give_each_set_its_own_counts(tmp_path: Path):
    study = make_study(tmp_path, OPTIONS.with_(num_real=7, num_synthetic=8))
    reads(study, skilled, 0)
    text = methods(analyse_study(study))
    assert (
        "(real images: 4 normal, 3 pneumonia; a: 4 normal, 4 pneumonia; b: 4 normal, 4 pneum"
        in text
    )
    (unequal,) = [each.text for each in study.file.warnings if each.code.startswith("unequal")]
    assert unequal.startswith(
        "classes are not equal among the 7 real images: 4 normal, 3 pneumonia"
    )


def test_sources_are_named_below_the_folder_of_their_data(study: ReaderStudy):
    table = reading_table(study)
    assert {item.source.split("/")[0] for item in study.file.items} == {"normal", "pneumonia"}
    *_, images = reader_tables(analyse_study(study))
    assert {str(row[0]).split("/")[0] for row in images.rows} <= {"a: normal", "a: pneumonia"}
    assert str(study.folder.parent) not in readings_csv(table, ("a", "b"))
    for item in study.file.items:
        folder = study.folder.parent / (item.generator or "real")
        assert hashlib.sha256((folder / item.source).read_bytes()).hexdigest() == item.sha256


def test_whole_paths_of_old_studies_are_shortened(study: ReaderStudy, tmp_path: Path):
    def whole(item: Item) -> Item:
        source = tmp_path / (item.generator or "real") / item.source
        return msgspec.structs.replace(item, source=str(source))

    items = tuple(map(whole, study.file.items))
    old = ReaderStudy(study.folder, msgspec.structs.replace(study.file, items=items))
    found, again = analyse_study(study), analyse_study(old)
    assert found == again
    assert readings_csv(reading_table(old), ("a", "b")) == readings_csv(
        reading_table(study), ("a", "b")
    )


@pytest.mark.parametrize(
    ("auc", "ci", "said"),
    [
        (0.33, (0.12, 0.64), "not shown to differ from guessing; an AUC up to 0.64 is not ruled"),
        (0.33, (0.12, 0.44), "worse than guessing, synthetic images looked more real"),
        (0.77, (0.68, 0.84), "readers recognise these images"),
    ],
)
def test_the_sentence_is_true_on_both_sides_of_guessing(
    study: ReaderStudy, auc: float, ci: tuple[float, float], said: str
):
    found = analyse_study(study)
    each = msgspec.structs.replace(found.averaged[0], auc=auc, ci=ci, p=0.2)
    line, *_ = sentences(msgspec.structs.replace(found, averaged=(each,)))
    start = f"a: 4 readers distinguished synthetic from real images with AUC {auc:.2f} "
    assert line.startswith(start + f"[{ci[0]:.2f}, {ci[1]:.2f}] (0.5 is guessing; p = 0.200): ")
    assert said in line


@pytest.mark.parametrize(("number", "words"), [(1, "1 click,"), (3, "3 clicks,")])
def test_clicks_are_counted_in_words(study: ReaderStudy, number: int, words: str):
    found = analyse_study(study)
    grid = ((float(number), 0.0), (0.0, 0.0))
    clicks = msgspec.structs.replace(found.clicks, synthetic=grid, real=((0.0,),))
    (group,) = click_maps(msgspec.structs.replace(found, clicks=clicks))
    (block,) = group.blocks
    assert isinstance(block, Drawing)
    assert words in block.caption
