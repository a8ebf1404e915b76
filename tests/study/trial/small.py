"""A trial small enough for seconds: networks of a few channels, two folds, two seeds."""

from fewray.config import ClassifierOptions, GanOptions, TrialOptions
from fewray.study.machine import Machine

GAN = GanOptions(recipe="test", fit="pad", base_channels=4, epochs=2, batch_size=16, classic_images=8)
OPTIONS = TrialOptions(
    preset="test",
    folds=2,
    seeds=2,
    gan=GAN,
    classifier=ClassifierOptions(fit="pad", channels=(4, 4, 8), hidden=8, batch_size=16, steps=12),
    versions=2,
)
MACHINE = Machine(device="cpu", precision="fp32", processes=2, threads=1)
