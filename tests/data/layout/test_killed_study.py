"""A study inside its own data that is killed at any write resumes, and reads none of its files."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fewray.data.loading import load_dataset
from tests.helpers import noise_dataset, visible_files

SCRIPT = """
import os, signal, sys
from pathlib import Path

from fewray.data.layout.outputs import check_out_folder
from fewray.data.loading import load_dataset
from fewray.study.crossval.run import run_crossval
from tests.helpers import OPTIONS, SERIAL

data, out, *kills = map(Path, sys.argv[1:])
options = OPTIONS.with_(
    arms=("no_augmentation", "synthetic"),
    reference="no_augmentation",
    seeds=1,
    gan=OPTIONS.gan.with_(epochs=1),
)
rename, written = Path.replace, []


def killing(self, target):
    if len(written) == stop:
        os.kill(os.getpid(), signal.SIGKILL)  # the file is written and has no name yet
    written.append(target)
    return rename(self, target)


for stop in [*(int(str(kill)) for kill in kills), -1]:
    if (child := os.fork()) == 0:
        Path.replace, rows = killing, load_dataset(data)
        check_out_folder(rows, out)
        run_crossval(rows, options, out, machine=SERIAL)
        print("ended after", len(written), flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    rows = load_dataset(data)
    print(os.waitstatus_to_exitcode(status), len(rows), rows.sha256(), flush=True)
"""
KILLS = (0, 2, 5, 6, 5, 9, 14, 3, 4, 6, 3, 1)
"""How many files each run names before it is killed: none, the folds, parts of a generator, ..."""


def run(*words: object) -> list[list[str]]:
    command = [sys.executable, "-c", SCRIPT, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_study_inside_its_data_resumes_after_each_kill(tmp_path: Path):
    data = noise_dataset(tmp_path / "data", {"normal": 6, "pneumonia": 6})
    before = load_dataset(data).sha256()
    *killed, (*_, count), ended = run(data, data / "study", *KILLS)
    assert [each[0] for each in killed] == [str(-signal.SIGKILL)] * len(KILLS)
    assert {tuple(each[1:]) for each in (*killed, ended)} == {("12", before)}
    (_, _, whole), _ = run(data, tmp_path / "outside")
    assert int(count) < int(whole)
    for name in ("fold_assignment.json", "predictions.csv"):
        inside, outside = data / "study" / name, tmp_path / "outside" / name
        assert inside.read_bytes() == outside.read_bytes()
    names = [
        {path.relative_to(out) for path in visible_files(out)}
        for out in (data / "study", tmp_path / "outside")
    ]
    assert names[0] == names[1]
