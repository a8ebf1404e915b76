"""Checkpoints: one safetensors file with weights, optimisers and, as JSON, all else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from fewray.config import GanOptions
from fewray.errors import InputError
from fewray.generators.families.dcgan import Dcgan
from fewray.generators.families.diffusion import Diffusion
from fewray.generators.families.gan import RelativisticGan
from fewray.generators.families.patches import Patches
from fewray.generators.family import Family
from fewray.results.scores import Model
from fewray.results.training import GeneratorSource, TrainingSet
from fewray.storage.files import sha256_of, write_bytes

FORMAT = "fewray-generator-2"
FAMILIES: dict[str, type[Family]] = {
    "dcgan": Dcgan,
    "diffusion": Diffusion,
    "gan": RelativisticGan,
    "patches": Patches,
}
"""Families of generators by ``GanOptions.family``. To add one, write its file and add it here."""


class Header(Model, frozen=True, kw_only=True):
    """What a checkpoint says of itself."""

    format: str
    epoch: int
    seed: int
    options: GanOptions
    training_set: TrainingSet
    tensors_sha256: str
    networks_used: tuple[str, ...] | None = None
    """Extractors that trained the generator or selected this epoch; None: not recorded."""


def new_generator(options: GanOptions, *, seed: int, device: torch.device) -> Family:
    """Return an untrained generator of the family that ``options`` name."""
    return FAMILIES[options.family](options, seed=seed, device=device)


def batches_per_epoch(count: int, options: GanOptions) -> int:
    """Return the batches of an epoch with ``count`` training images."""
    return FAMILIES[options.family].batches_per_epoch(count, options)


def save_checkpoint(
    generator: Family, path: Path, training_set: TrainingSet, *, selected_with: str | None = None
) -> None:
    """Write ``generator`` to ``path`` atomically.

    ``selected_with`` is the extractor whose scores decided that this epoch is kept.
    """
    used = {*generator.options.networks_used, *([selected_with] if selected_with else [])}
    tensors = {name: t.detach().cpu().contiguous() for name, t in generator.tensors().items()}
    header = Header(
        format=FORMAT,
        epoch=generator.epoch,
        seed=generator.seed,
        options=generator.options,
        training_set=training_set,
        tensors_sha256=_digest(tensors),
        networks_used=tuple(sorted(used)),
    )
    text = msgspec.json.encode(header, order="sorted").decode()
    # One entry only: safetensors writes several in no fixed order.
    write_bytes(path, save(tensors, metadata={"run": f"{_sha256(text)} {text}"}))


def load_checkpoint(path: Path, device: torch.device, label: str | None = None) -> Family:
    """Return the generator in ``path``, ready to be trained further or sampled from.

    A pooled generator makes images of class ``label``, or of its first class.
    InputError if the file is not a complete checkpoint or its weights are damaged.
    """
    header = read_header(path)
    generator = new_generator(header.options, seed=header.seed, device=device)
    with safe_open(path, framework="pt") as stream:
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)
    if header.tensors_sha256 != _digest(tensors):
        message = f"{path}: the weights differ from those written. Train again."
        raise InputError("checkpoint_damaged", message, path=str(path))
    generator.load_tensors(tensors)
    generator.epoch = header.epoch
    if label is not None and header.training_set.classes:
        generator.class_index = header.training_set.classes.index(label)
    return generator


def read_header(path: Path) -> Header:
    """Return the header of a checkpoint; InputError if the file is not one of this format."""
    try:
        with safe_open(path, framework="pt") as stream:
            about = (stream.metadata() or {}).get("run", "")
        digest, _, text = ("", "", about) if about[:1] == "{" else about.partition(" ")
        header = msgspec.json.decode(text, type=Header)
    except (OSError, SafetensorError, msgspec.DecodeError) as error:
        message = f"{path}: not a readable checkpoint ({error}). Train again."
        raise InputError("checkpoint_damaged", message, path=str(path)) from None
    if digest and digest != _sha256(text):  # the first checkpoints have none
        message = f"{path}: its description differs from that written. Train again."
        raise InputError("checkpoint_damaged", message, path=str(path))
    if header.format != FORMAT or header.options.family not in FAMILIES:
        message = f"{path}: format {header.format}, expected {FORMAT}. Train again."
        raise InputError("checkpoint_format", message, path=str(path), found=header.format)
    return header


def provenance(path: Path) -> GeneratorSource:
    """Return what identifies the generator in ``path`` and the images it was trained on."""
    header = read_header(path)
    return GeneratorSource(
        checkpoint_sha256=sha256_of(path),
        epoch=header.epoch,
        seed=header.seed,
        options=header.options,
        training_set=header.training_set,
        networks_used=header.networks_used,
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
