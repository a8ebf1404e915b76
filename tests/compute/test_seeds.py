"""Seeds are stable, independent between names, and leave global random states alone."""

import threading

import numpy as np
import torch

from fewray.compute.seeds import child_seed, seeded


def test_seeds_are_stable_and_distinct():
    assert child_seed(0, "generator", "covid") == child_seed(0, "generator", "covid")
    drawn = {child_seed(seed, name) for seed in range(20) for name in ("a", "b", "ab")}
    assert len(drawn) == 60
    assert all(0 <= seed < 2**63 for seed in drawn)


def test_a_nested_seed_does_not_disturb_the_outer_one():
    def draw(*, inside: bool) -> None:
        with seeded(1):
            torch.rand(1)
            if inside:
                with seeded(2):
                    torch.rand(1)
            drawn.append(torch.rand(1).item())

    drawn: list[float] = []
    for inside in (False, True):
        thread = threading.Thread(target=draw, kwargs={"inside": inside}, daemon=True)
        thread.start()
        thread.join(timeout=30)
    assert len(drawn) == 2
    assert drawn[0] == drawn[1]


def test_numpy_s_global_generator_is_never_seeded():
    state = np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002
    child_seed(3, "x")
    with seeded(3):
        pass
    assert np.array_equal(state, np.random.get_state(legacy=False)["state"]["key"])  # noqa: NPY002
