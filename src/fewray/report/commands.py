"""The command that makes a study again, as far as its options are options of the command line."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from fewray.config import AS_IT_IS
from fewray.presets import CROSSVAL_PRESETS
from fewray.results.crossval import CrossvalStudy

FLAGS = {
    "arms": "--arms",
    "reference": "--reference",
    "folds": "--folds",
    "repeats": "--repeats",
    "seeds": "--seeds",
    "seed": "--seed",
    "ratio": "--ratio",
    "ratios": "--ratios",
    "augmented_copies": "--augmented-copies",
    "copy_percentile": "--copy-percentile",
    "generator_repeats": "--generator-repeats",
    "select": "--select",
    "candidates": "--candidates",
    "keep_test": "--keep-test",
    "resnet": "--resnet",
}
"""By field of the options: the option of ``fewray study``."""
READING = {"views": "view"}
"""By field of the options of reading: the option, where it is called otherwise."""


def study_command(study: CrossvalStudy) -> str:
    """Return ``fewray study ...`` and ``fewray report``.

    RUN is the folder of the study; DIR, TABLE and FILE are the user's folders and files.
    """
    data = study.data
    words = ["fewray", "study", "--data", data.source or data.name]
    if data.group_regex is not None:
        words += ["--group-regex", data.group_regex]
    read, plain = data.read.to_json(), AS_IT_IS.to_json()
    for name, value in read.items():
        flag = READING.get(name, name)
        words += _flag(f"--{flag.replace('_', '-')}", value, plain[name])
    words += ["--preset", study.preset]
    if (preset := CROSSVAL_PRESETS.get(study.preset)) is not None:
        mine, default = study.options.to_json(), preset.to_json()
        for name, flag in FLAGS.items():
            words += _flag(flag, mine[name], default[name])
        words += _flag("--recipe", mine["gan"]["recipe"], default["gan"]["recipe"])
        words += _flag("--steps", _steps(mine), _steps(default))
    if (external := study.external) is not None and not external.own_test_split:
        words += ["--external", external.name]
    return f"{shlex.join(words)} --out RUN\nfewray report RUN"


def _steps(options: Mapping[str, Any]) -> Any:
    return options["classifier"]["steps"]


def _flag(flag: str, mine: Any, default: Any) -> list[str]:
    if mine == default:
        return []
    if isinstance(mine, bool):
        return [flag] if mine else [f"--no-{flag.removeprefix('--')}"]
    if isinstance(mine, list):
        return [flag, ",".join(map(str, mine))]
    return [flag, f"{mine:g}" if isinstance(mine, float) else str(mine)]
