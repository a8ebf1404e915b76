"""The loop against a textbook one, checkpoints, resume, sampling, non-finite losses."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from fewray.config import GanOptions
from fewray.errors import InputError, RunFailed
from fewray.generators.checkpoint import load_checkpoint, read_header, save_checkpoint
from fewray.generators.families.dcgan import LOGGED, Dcgan
from fewray.generators.family import Tick
from fewray.generators.health import findings
from fewray.generators.log import read_log
from fewray.generators.run import CHECKPOINT, train_run
from fewray.generators.sampling import latents
from fewray.quality.probe import ProbeResult
from fewray.results.training import EpochRow
from fewray.storage.files import read_jsonl, sha256_of
from tests.helpers import one_image_seen

CPU = torch.device("cpu")
SMALL = GanOptions(base_channels=4, epochs=3, batch_size=8, classic_images=0)
TRAINING_SET = one_image_seen(num_train=20)


def pictures(n: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 1, 64, 64), np.uint8)


def weights(state: Dcgan) -> list[torch.Tensor]:
    return [value for network in (state.G, state.D) for value in network.state_dict().values()]


def trained(options: GanOptions = SMALL, seed: int = 0) -> tuple[Dcgan, list[Tick]]:
    state = Dcgan(options, seed=seed, device=CPU)
    return state, list(state.fit(pictures()))


def run_into(folder: Path, options: GanOptions = SMALL, **changes: object) -> EpochRow | None:
    settings: dict = {
        "seed": 3,
        "device": CPU,
        "precision": "fp32",
        "training_set": TRAINING_SET,
        "checkpoint_every": 1,
        **changes,
    }
    return train_run(folder, pictures(), options, **settings)


def test_one_step_is_the_textbook_step():
    """Binary cross-entropies of probabilities, two backward passes, D's gradients thrown away in G's step."""
    options = SMALL.with_(epochs=1, dropout=(0.0, 0.0, 0.0), batch_size=20)
    state, (tick,) = trained(options)
    book = Dcgan(options, seed=0, device=CPU)
    G, D = book.G.train(), book.D.train()
    from fewray.compute.seeds import child_seed

    seed = child_seed(0, "epoch", 0)
    order = np.random.default_rng(seed).permutation(20)
    real = torch.from_numpy(pictures()[order]).float() / 127.5 - 1
    z = torch.rand(20, 100, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    fake = G(z)
    d_x, d_g_z1 = D.main(real).flatten(), D.main(fake.detach()).flatten()
    loss_d = functional.binary_cross_entropy(d_x, torch.ones(20)) + functional.binary_cross_entropy(
        d_g_z1, torch.zeros(20)
    )
    book.optimiser_d.zero_grad()
    loss_d.backward()
    book.optimiser_d.step()
    d_g_z2 = D.main(fake).flatten()
    loss_g = functional.binary_cross_entropy(d_g_z2, torch.ones(20))
    book.optimiser_g.zero_grad()
    loss_g.backward()
    book.optimiser_g.step()
    expected = [value.mean().item() for value in (loss_d, loss_g, d_x, d_g_z1, d_g_z2)]
    assert [tick.values[name] for name in LOGGED[:5]] == pytest.approx(expected, rel=1e-4)
    for ours, theirs in zip(weights(state), weights(book), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_same_seed_same_bytes_other_seed_other_weights():
    one, two, other = trained()[0], trained()[0], trained(seed=1)[0]
    assert all(torch.equal(a, b) for a, b in zip(weights(one), weights(two), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def test_training_leaves_the_global_random_state_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    trained(SMALL.with_(epochs=1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("count", [1, 5, 31, 33])
def test_any_number_of_images_trains_in_whole_batches(count: int):
    state = Dcgan(SMALL.with_(epochs=1, batch_size=32), seed=0, device=CPU)
    (tick,) = state.fit(pictures(count))
    assert tick.batches == -(-count // 32)
    assert tick.images_seen == 32 * tick.batches
    assert tick.finite


@pytest.mark.parametrize("bad", [np.zeros((0, 1, 64, 64), np.uint8), np.zeros((4, 1, 32, 32), np.uint8),
                                 np.zeros((4, 1, 64, 64), np.float32)])  # fmt: skip
def test_wrong_images_are_refused(bad: np.ndarray):
    with pytest.raises(InputError):
        next(Dcgan(SMALL, seed=0, device=CPU).fit(bad))


def test_the_discriminator_learns_a_trivial_difference():
    flat = np.full((32, 1, 64, 64), 255, np.uint8)
    options = SMALL.with_(epochs=8, dropout=(0.0, 0.0, 0.0), learning_rate=2e-3)
    state = Dcgan(options, seed=0, device=CPU)
    last = list(state.fit(flat))[-1]
    assert last.values["d_x"] > 0.7 > 0.3 > last.values["d_g_z1"]


def test_checkpoint_restores_every_tensor(tmp_path: Path):
    state, _ = trained(SMALL.with_(ema_half_life=50.0))
    save_checkpoint(state, tmp_path / "c.safetensors", TRAINING_SET)
    again = load_checkpoint(tmp_path / "c.safetensors", CPU)
    save_checkpoint(again, tmp_path / "d.safetensors", TRAINING_SET)
    assert sha256_of(tmp_path / "c.safetensors") == sha256_of(tmp_path / "d.safetensors")
    assert read_header(tmp_path / "c.safetensors").epoch == 3


def test_a_broken_checkpoint_is_named(tmp_path: Path):
    path = tmp_path / CHECKPOINT
    path.write_bytes(b"12345678 not a checkpoint")
    with pytest.raises(InputError, match=CHECKPOINT):
        read_header(path)


def test_a_checkpoint_damaged_anywhere_is_refused(tmp_path: Path):
    run_into(tmp_path)
    path = tmp_path / CHECKPOINT
    whole = path.read_bytes()
    header = int.from_bytes(whole[:8], "little")
    places = (12, 40, *range(200, header, 97), len(whole) // 2, len(whole) - 1)
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(InputError) as caught:
            run_into(tmp_path, SMALL.with_(epochs=4))
        assert caught.value.code in (
            "checkpoint_damaged",
            "checkpoint_format",
            "other_training_run",
        )
    path.write_bytes(whole)
    last = run_into(tmp_path, SMALL.with_(epochs=4))
    assert last is not None
    assert last.epoch == 4


def test_resume_ends_with_the_same_bytes(tmp_path: Path):
    run_into(tmp_path / "whole")
    for epochs in (1, 2, 3):
        run_into(tmp_path / "parts", SMALL.with_(epochs=epochs))
    assert sha256_of(tmp_path / "whole" / CHECKPOINT) == sha256_of(tmp_path / "parts" / CHECKPOINT)
    logs = [[{**row, "seconds": 0, "epochs": 0} for row in read_jsonl(tmp_path / name / "stats.jsonl")]
            for name in ("whole", "parts")]  # fmt: skip
    assert logs[0] == logs[1]
    assert len(logs[0]) == 3


def test_a_log_longer_than_the_checkpoint_is_cut(tmp_path: Path):
    run_into(tmp_path, SMALL.with_(epochs=2))
    with (tmp_path / "stats.jsonl").open("a") as stream:
        row = read_jsonl(tmp_path / "stats.jsonl")[-1] | {"epoch": 3, "seconds": 9.0}
        stream.write(json.dumps(row) + '\n{"epoch": 4, "sec')
    run_into(tmp_path)
    assert [row["epoch"] for row in read_jsonl(tmp_path / "stats.jsonl")] == [1, 2, 3]


def test_a_folder_of_another_training_run_is_refused(tmp_path: Path):
    run_into(tmp_path, SMALL.with_(epochs=1))
    for changed, call in (
        ("learning_rate", lambda: run_into(tmp_path, SMALL.with_(learning_rate=0.1))),
        ("seed", lambda: run_into(tmp_path, seed=4)),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.code == "other_training_run"
        assert caught.value.fields["changed"] == [changed]


def test_a_non_finite_loss_stops_and_keeps_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run_into(tmp_path, SMALL.with_(epochs=1))
    good = sha256_of(tmp_path / CHECKPOINT)

    fit = Dcgan.fit

    def poisoned(state: Dcgan, images: np.ndarray, labels: None, **options: object):
        for tick in fit(state, images, **options):  # pyright: ignore[reportArgumentType]
            with torch.no_grad():
                next(state.G.parameters()).fill_(float("nan"))
            yield tick

    monkeypatch.setattr(Dcgan, "fit", poisoned)
    with pytest.raises(RunFailed, match="epoch 1 is kept"):
        run_into(tmp_path)
    assert sha256_of(tmp_path / CHECKPOINT) == good
    rows = read_jsonl(tmp_path / "stats.jsonl")
    assert [(row["epoch"], row.get("finite", True)) for row in rows] == [(1, True), (2, False)]
    assert [(f.kind, f.first_epoch, f.now) for f in findings(read_log(tmp_path))] == [
        ("divergence", 2, True)
    ]
    monkeypatch.undo()
    run_into(tmp_path)
    rows = read_jsonl(tmp_path / "stats.jsonl")
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert findings(read_log(tmp_path)) == []


def test_the_row_of_an_epoch_without_finite_losses_is_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fit = Dcgan.fit

    def poisoned(state: Dcgan, images: np.ndarray, labels: None, **options: object):
        for tick in fit(state, images, **options):  # pyright: ignore[reportArgumentType]
            yield replace(tick, values={**tick.values, "loss_d": math.nan, "loss_g": math.inf})

    monkeypatch.setattr(Dcgan, "fit", poisoned)
    with pytest.raises(RunFailed, match="no checkpoint yet"):
        run_into(tmp_path)
    text = (tmp_path / "stats.jsonl").read_text()
    row = json.loads(text, parse_constant=lambda word: pytest.fail(word))
    assert (row["epoch"], row.get("loss_d"), row.get("loss_g"), row["finite"]) == (
        1,
        None,
        None,
        False,
    )
    assert row["d_x"] > 0


def test_the_probe_is_called_at_its_cadence_and_at_the_end(tmp_path: Path):
    seen: list[int] = []

    class Probe:
        extractor_name = "counted"

        def __call__(self, fakes: list[np.ndarray]) -> ProbeResult:
            (images,) = fakes
            seen.append(len(images))
            return ProbeResult(
                fid=1.0,
                kid=0.1,
                inception_score=None,
                kid_held_out=None,
                num_held_out=None,
                extractor=self.extractor_name,
                num_real=20,
                num_fake=len(images),
            )

    run_into(tmp_path, SMALL.with_(quality_images=7), probe=Probe(), probe_every=2)
    assert seen == [7, 7]
    assert [row.get("fid") for row in read_jsonl(tmp_path / "stats.jsonl")] == [None, 1.0, 1.0]


def test_an_image_is_a_function_of_its_seed(tmp_path: Path):
    run_into(tmp_path)
    generator = load_checkpoint(tmp_path / CHECKPOINT, CPU)
    together = generator.sample(range(110)).astype(int)
    alone = np.concatenate([generator.sample([seed]) for seed in (0, 57, 109)]).astype(int)
    assert np.abs(together[[0, 57, 109]] - alone).max() <= 1
    assert together.shape == (110, 1, 64, 64)
    assert len({image.tobytes() for image in together}) == 110


def test_latents_follow_the_recipe():
    uniform = latents(range(200), SMALL)
    assert uniform.min() >= -1
    assert uniform.max() <= 1
    assert uniform.std().item() == pytest.approx(1 / np.sqrt(3), rel=0.02)
    assert latents(range(200), SMALL.with_(latent="normal")).std().item() == pytest.approx(
        1, rel=0.02
    )


def test_the_averaged_generator_lags_behind_and_shares_buffers():
    state, _ = trained(SMALL.with_(ema_half_life=500.0))
    assert state.G_ema is not None
    for averaged, current in zip(state.G_ema.buffers(), state.G.buffers(), strict=True):
        assert torch.equal(averaged, current)
    moved = [
        not torch.equal(a, b)
        for a, b in zip(state.G_ema.parameters(), state.G.parameters(), strict=True)
    ]
    assert all(moved)


def test_the_half_life_of_the_average_ramps_up_as_the_options_say():
    """It is min(ema_half_life, 1 + ema_ramp_up * epoch) images: nothing depends on a hidden number."""
    options = SMALL.with_(ema_half_life=500.0, ema_ramp_up=40.0)
    for epoch, half_life in ((0, 1.0), (3, 121.0), (12, 481.0), (13, 500.0)):
        state = Dcgan(options, seed=0, device=CPU)
        state.epoch = epoch
        assert state.G_ema is not None
        with torch.no_grad():
            for averaged, current in zip(
                state.G_ema.parameters(), state.G.parameters(), strict=True
            ):
                averaged.zero_()
                current.fill_(1.0)
        state.average(8)
        moved = next(state.G_ema.parameters()).flatten()[0].item()
        assert moved == pytest.approx(1 - 0.5 ** (8 / half_life), rel=1e-5)


def test_the_default_ramp_up_gives_the_weights_of_the_recipes():
    """100 images per epoch, as if each epoch had 1,000: what ``quick`` and ``small`` were tuned with."""
    assert GanOptions().ema_ramp_up == 100.0
    for batch in (16, 32):
        for epoch in range(12):
            before = 1 - 0.5 ** (batch / min(500.0, 1 + 0.1 * epoch * 1000))
            now = 1 - 0.5 ** (batch / min(500.0, 1 + 100.0 * epoch))
            assert np.float32(before) == np.float32(now)


def test_a_call_that_trains_nothing_leaves_the_record_of_how_it_was_trained(tmp_path: Path):
    run_into(tmp_path, SMALL.with_(epochs=1))
    before = (tmp_path / "options.json").read_text()
    assert json.loads(before)["precision"] == "fp32"
    assert json.loads(before)["threads"] == torch.get_num_threads()
    run_into(tmp_path, SMALL.with_(epochs=1), precision="bf16")
    assert (tmp_path / "options.json").read_text() == before
    run_into(tmp_path, SMALL.with_(epochs=2), precision="bf16")
    assert json.loads((tmp_path / "options.json").read_text())["precision"] == "bf16"


def test_options_of_other_families_do_not_matter_for_resuming(tmp_path: Path):
    run_into(tmp_path, SMALL.with_(epochs=1))
    other = SMALL.diffusion.with_(sampling_steps=SMALL.diffusion.sampling_steps + 1)
    last = run_into(tmp_path, SMALL.with_(epochs=2, diffusion=other))
    assert last is not None
    assert last.epoch == 2
    assert SMALL.with_(family="diffusion").continued().diffusion == SMALL.diffusion
    assert SMALL.with_(family="diffusion", diffusion=other).continued().diffusion == other
