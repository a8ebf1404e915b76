"""The published protocol on a Dask cluster writes the bytes of a local run."""

from pathlib import Path

from fewray.compute.dask.cluster import connected
from fewray.compute.machine import Machine
from fewray.config import ClassifierOptions, GanOptions, PublishedOptions
from fewray.data.loading import load_dataset
from fewray.study.published.run import run_published

TWO = "dask:2"
OPTIONS = PublishedOptions(
    preset="test",
    seeds=1,
    arms=("no_augmentation", "classic+synthetic"),
    gan=GanOptions(recipe="test", base_channels=4, epochs=2, batch_size=16, classic_images=8),
    classifier=ClassifierOptions(channels=(4, 4, 8), hidden=8, batch_size=16, steps=6),
    classic_per_class=6,
    synthetic_per_class=6,
    published_passes=3,
    extractor="pixels",
)
FILES = ("study.json", "predictions.csv", "classifier.safetensors")


def test_a_cluster_writes_the_bytes_of_a_local_run(tmp_path: Path):
    data = load_dataset("phantom:size=64,train=6,test=3")
    on_cluster = Machine(device="cpu", precision="fp32", threads=1, executor=TWO)
    found = {}

    def run(name: str, machine: Machine) -> None:
        run_published(data, OPTIONS, tmp_path / name, machine=machine)
        found[name] = [(tmp_path / name / file).read_bytes() for file in FILES]

    run("local", Machine(device="cpu", precision="fp32", threads=1, processes=1))
    with connected(TWO):
        run("cluster", on_cluster)
    assert found["local"] == found["cluster"]
