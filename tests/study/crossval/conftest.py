"""The study that several tests look at."""

from pathlib import Path

import pytest

from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.study.crossval.run import run_crossval
from tests.helpers import MACHINE, OPTIONS


@pytest.fixture(scope="session")
def phantoms() -> Manifest:
    return load_dataset("phantom:size=64,train=8,test=4,seed=3")


@pytest.fixture(scope="session")
def trial(phantoms: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All arms, every sensitivity analysis but the pretrained one, and two subsets."""
    out = tmp_path_factory.mktemp("trial")
    options = OPTIONS.with_(
        paper_classic=True,
        ratios=(0.5,),
        resnet=True,
        generator_repeats=2,
        subsets=("without covid", "pneumonia_bac:pneumonia_vir"),
    )
    run_crossval(phantoms, options, out, machine=MACHINE)
    return out
