"""One file holds a whole training: safetensors with the networks, the optimisers and, as JSON, everything else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from fewray.config import GanOptions
from fewray.errors import InputError
from fewray.generators.families.dcgan import Generator
from fewray.generators.training import TrainState, build_generator
from fewray.storage.files import write_bytes

FORMAT = "fewray-gan-1"


def save_checkpoint(state: TrainState, path: Path, *, about: dict[str, Any]) -> None:
    """Write ``state`` to ``path`` atomically.

    ``about`` is kept in the header (class, hashes of the images seen); it must be JSON.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, network in (("G", state.G), ("D", state.D), ("G_ema", state.G_ema)):
        if network is not None:
            tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
    for name, optimiser in (("adam_g", state.optimiser_g), ("adam_d", state.optimiser_d)):
        for index, moments in optimiser.state_dict()["state"].items():
            tensors |= {
                f"{name}.{index}.{key}": torch.as_tensor(value) for key, value in moments.items()
            }
    header = {
        "format": FORMAT,
        "epoch": state.epoch,
        "seed": state.seed,
        "options": state.options.to_json(),
        "about": about,
    }
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    header["tensors_sha256"] = _digest(plain)
    write_bytes(path, save(plain, metadata={"run": json.dumps(header, sort_keys=True)}))


def load_checkpoint(path: Path, device: torch.device) -> TrainState:
    """Rebuild the training state; raises InputError as :func:`read_header` does."""
    header = read_header(path)
    state = TrainState(GanOptions.from_json(header["options"]), seed=header["seed"], device=device)
    tensors = _tensors(path)
    state.epoch = header["epoch"]
    for name, network in (("G", state.G), ("D", state.D), ("G_ema", state.G_ema)):
        if network is not None:
            network.load_state_dict(_below(tensors, name))
    for name, optimiser in (("adam_g", state.optimiser_g), ("adam_d", state.optimiser_d)):
        moments: dict[int, dict[str, torch.Tensor]] = {}
        parameters = optimiser.param_groups[0]["params"]
        for key, value in _below(tensors, name).items():
            index, field = key.split(".")
            like = parameters[int(index)]
            if (
                value.shape == like.shape
            ):  # moments lie in memory as their parameter does, or the fused update errs
                value = torch.empty_like(like, memory_format=torch.preserve_format).copy_(value)
            moments.setdefault(int(index), {})[field] = value
        if moments:
            optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
    return state


def load_generator(path: Path, device: torch.device) -> tuple[Generator, GanOptions]:
    """Return the network to sample from, in evaluation mode, and its options."""
    options = GanOptions.from_json(read_header(path)["options"])
    network = build_generator(options)
    network.load_state_dict(_below(_tensors(path), "G_ema" if options.ema_half_life else "G"))
    return network.to(device).eval().requires_grad_(False), options


def read_header(path: Path) -> dict[str, Any]:
    """Return ``epoch``, ``seed``, ``options`` and ``about``; InputError when ``path`` is no whole checkpoint."""
    try:
        with safe_open(path, framework="pt") as stream:
            header = json.loads((stream.metadata() or {}).get("run", "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(f"{path}: not a readable checkpoint ({error}); train again") from None
    if header.get("format") != FORMAT:
        raise InputError(f"{path}: format {header.get('format')}; {FORMAT} is wanted; train again")
    if missing := {"epoch", "seed", "options", "about"} - header.keys():
        raise InputError(
            f"{path}: not a readable checkpoint (no {', '.join(sorted(missing))}); train again"
        )
    return header


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    with safe_open(path, framework="pt") as stream:
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)
    if read_header(path).get("tensors_sha256") != _digest(tensors):
        raise InputError(
            f"{path}: damaged: its weights are not those that were written; train again"
        )
    return tensors


def _digest(tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def _below(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {
        key.removeprefix(f"{name}."): value
        for key, value in tensors.items()
        if key.startswith(f"{name}.")
    }
