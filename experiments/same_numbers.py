"""Show that two runs of a quick study have the same numbers, before and after a restructuring.

`python -m experiments.same_numbers OLD_RUN NEW_RUN` compares two finished folders of
`fewray study --data phantom --preset quick`; with `--make` it first makes both, from the commits
`--old` and `--new`. It exits 1 if any number differs.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
OLD_COMMIT = "0d9f589"
STUDY = ("study", "--data", "phantom", "--preset", "quick", "--threads", "1")
Numbers = dict[str, float | None]

RENAMED = (
    (r"/none/", "/no_augmentation/"),
    (r"^/data/rows$", "/data/images"),
    (r"^/data/groups$", "/data/patients"),
    (r"^/folds/(\d+)/partition$", r"/folds/\1/repeat"),
    (r"^/folds/(\d+)/(train|test)_groups$", r"/folds/\1/\2_patients"),
    (r"^/rejected/", "/rejected_copies/"),
    (r"^/score_intervals/draws$", "/bootstrap_draws"),
    (r"^/comparisons/(.+)/trainings$", r"/comparisons/\1/training_df"),
    (r"^/comparisons/(.+)/seeds_disagree$", r"/comparisons/\1/seed_disagreement"),
    (r"^/descriptive/synthetic - pca/", "/descriptive/0/"),
    (r"^/(sensitivity|subsets)/(.+)/arms/(.+)/accuracy/", r"/\1/\2/accuracy/\3/"),
    (r"^/(sensitivity|subsets|external)/(.+/)?rows$", r"/\1/\2images"),
    (r"^/external/arms/(.+)/accuracy/", r"/external/accuracy/\1/"),
    (r"^/audit/chance$", "/audit/majority_class_rate"),
)
"""Pattern of a path in the old study.json, and the path in the new one."""

NOT_COMPARED = {
    r"^/schema$": "raised",
    r"^/options/": "input of the study; fields were renamed",
    r"^/provenance/": "describes the machine",
    r"^/chosen$": "None became an empty list",
    r"^/generators/[^/]+/recipes/": "the recipe's name is part of the path, and was reworded",
    r"^/comparisons/.+/minimal_detectable(_holm)?$": "a defect was corrected: see power.py",
}
"""Pattern of a path in the old study.json, and why it is omitted."""

COLUMNS = {"partition": "repeat"}
ARMS = {"none": "no_augmentation"}
KEYS = ("analysis", "arm", "repeat", "fold", "seed", "image")


def numbers(value: Any, path: str = "") -> Numbers:
    """Return every number and None in a JSON value by its path."""
    if isinstance(value, dict):
        parts = [numbers(part, f"{path}/{key}") for key, part in value.items()]
    elif isinstance(value, list):
        parts = [numbers(part, f"{path}/{index}") for index, part in enumerate(value)]
    else:
        counted = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
        return {path: value} if counted else {}
    return {key: number for part in parts for key, number in part.items()}


def renamed(path: str) -> str:
    """Return the path that an old path has in the new study.json."""
    for pattern, new in RENAMED:
        path = re.sub(pattern, new, path)
    return path


def compare_studies(old: Any, new: Any) -> tuple[Counter[str], list[str], Counter[str]]:
    """Compare the numbers of two study.json: equal ones by section, differences, those omitted."""
    before, after = numbers(old), numbers(new)
    equal, differences, omitted = Counter[str](), list[str](), Counter[str]()
    for path, value in before.items():
        reason = next((why for p, why in NOT_COMPARED.items() if re.search(p, path)), None)
        there = renamed(path)
        if reason is not None:
            omitted[f"{path.split('/')[1]}: {reason}"] += 1
        elif there not in after:
            differences.append(f"{path}: {value} before, no {there} now")
        elif after[there] != value:
            differences.append(f"{there}: {value} before, {after[there]} now")
        else:
            equal[there.split("/")[1]] += 1
    return equal, differences, omitted


def read_predictions(path: Path) -> dict[tuple[str, ...], dict[str, str]]:
    """Return the rows of a predictions.csv by analysis, arm, repeat, fold, seed and image."""
    with path.open(encoding="utf-8", newline="") as stream:
        found = [{COLUMNS.get(k, k): v for k, v in row.items()} for row in csv.DictReader(stream)]
    for row in found:
        row["arm"] = ARMS.get(row["arm"], row["arm"])
    return {tuple(row[key] for key in KEYS): row for row in found}


def compare_predictions(old: Path, new: Path) -> tuple[int, int, list[str]]:
    """Compare two predictions.csv: rows, equal values (fold, patient, class, probabilities)."""
    before, after = read_predictions(old), read_predictions(new)
    differences = [f"{key}: only before" for key in before.keys() - after.keys()]
    differences += [f"{key}: only now" for key in after.keys() - before.keys()]
    equal = 0
    for key in before.keys() & after.keys():
        for name in before[key].keys() | after[key].keys():
            first, second = before[key].get(name), after[key].get(name)
            if first == second:
                equal += 1
            else:
                differences.append(f"{'/'.join(key)}, {name}: {first} before, {second} now")
    return len(before), equal, sorted(differences)


def make(commit: str, run: Path) -> None:
    """Run the quick study at ``commit``, in a worktree of its own and with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ("git", "-C", str(ROOT), "worktree")
        subprocess.run([*git, "add", "--detach", str(tree), commit], check=True)
        try:
            paths = {"PYTHONPATH": str(tree / "src"), "FEWRAY_CACHE": str(Path(folder) / "cache")}
            start = "from fewray.cli import main; main()"
            command = [sys.executable, "-c", start, *STUDY, "--out", str(run.absolute())]
            subprocess.run(command, check=True, cwd=folder, env={**os.environ, **paths})
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def report(old: Path, new: Path) -> bool:
    """Print what was compared, and return whether all of it is equal."""
    studies = (json.loads((run / "study.json").read_text(encoding="utf-8")) for run in (old, new))
    equal, differences, omitted = compare_studies(*studies)
    print("study.json, numbers that are equal:")
    for section, count in equal.items():
        print(f"  {section}: {count}")
    print(f"  together: {equal.total()}")
    print("study.json, numbers omitted:")
    for reason, count in omitted.items():
        print(f"  {reason}: {count}")
    rows, same, changed = compare_predictions(old / "predictions.csv", new / "predictions.csv")
    print(f"predictions.csv: {rows} rows, {same} values are equal")
    for name, lines in (("study.json", differences), ("predictions.csv", changed)):
        print(f"{name}: {len(lines)} differences")
        for line in lines[:40]:
            print(f"  {line}")
    return not differences and not changed


def main() -> None:
    """Compare two runs, made first if asked for."""
    parser = argparse.ArgumentParser(description="Compare the numbers of two quick studies.")
    parser.add_argument("old", type=Path, metavar="OLD_RUN")
    parser.add_argument("new", type=Path, metavar="NEW_RUN")
    parser.add_argument("--make", action="store_true", help="Make both runs first.")
    parser.add_argument("--old", dest="old_commit", default=OLD_COMMIT, metavar="COMMIT")
    parser.add_argument("--new", dest="new_commit", default="HEAD", metavar="COMMIT")
    asked = parser.parse_args()
    if asked.make:
        make(asked.old_commit, asked.old)
        make(asked.new_commit, asked.new)
    sys.exit(0 if report(asked.old, asked.new) else 1)


if __name__ == "__main__":
    main()
