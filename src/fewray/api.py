"""The public functions, one per command. ``import fewray`` offers them without loading PyTorch.

All raise :class:`fewray.errors.InputError` for bad input and :class:`fewray.errors.RunFailed` for a
run that could not continue. They print nothing. ``data``, ``real``, ``synthetic``, ``held_out`` and
``external`` are a data set's name, a folder, a table, or a manifest of :func:`load_dataset`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from fewray.config import CrossvalOptions, GanOptions, PublishedOptions, ReadOptions, check_external
from fewray.errors import InputError, check_range
from fewray.readers.api import analyse_reader_study, new_reader_study  # noqa: F401

if TYPE_CHECKING:
    from fewray.compute.machine import MachineOptions
    from fewray.config.reading import ReadKeywords
    from fewray.data.manifest import Manifest
    from fewray.results.quality import QualityReport

OnProgress = Callable[[str, Mapping[str, Any]], None]
"""Called with the kind of an event or the label of a class, and the facts about it."""


def load_dataset(
    source: str | Path, *, group_regex: str | None = None, **read: Unpack[ReadKeywords]
) -> Manifest:
    """Return the manifest of ``phantom[:key=value,...]``, ``covid4``, a folder, or a table.

    Group 1 of ``group_regex`` in a file name is the patient. ``read`` are
    :class:`fewray.config.ReadOptions`: labels to compare, columns of a table, images to use.
    """
    from fewray.data.loading import load_dataset as load

    return load(source, group_regex=group_regex, read=ReadOptions(**read))


def train_generator(
    data: str | Path | Manifest,
    out: str | Path,
    *,
    options: GanOptions | str = "diffusion",
    classes: Sequence[str] | None = None,
    seed: int = 0,
    resume: bool = False,
    checkpoint_every: int = 5,
    probe_every: int = 20,
    extractor: str = "lite0",
    stop_when_done: bool = False,
    hold_out: float | None = None,
    patience: int = 3,
    on_epoch: OnProgress = lambda kind, event: None,
    on_batch: OnProgress = lambda kind, event: None,
    **machine: Unpack[MachineOptions],
) -> dict[str, dict[str, Any]]:
    """Train generators, one for all classes or one per class; return the last log row of each.

    The test split is never used. ``options`` is a GanOptions, the name of a recipe, or ``auto``.
    With ``resume``, training continues from the checkpoints in ``out``; on a CPU the result equals
    that of an uninterrupted run. Checkpoints are written every ``checkpoint_every`` epochs; quality
    is measured every ``probe_every`` epochs (0: never) with ``extractor``.

    ``hold_out`` is the share (0 to below 1) of each class's patients that its generator does not
    see; KID to their images is measured too. ``stop_when_done`` ends a training run after
    ``patience`` measurements without improvement and samples the best checkpoint; it holds out 0.2
    by default.

    ``on_epoch`` is called with the class and each log row (``epoch``, ``epochs``, ``loss_d``, ...),
    ``on_batch`` with ``batch`` and ``batches``. ``machine`` are
    :class:`fewray.compute.machine.MachineOptions`.
    """
    import msgspec

    from fewray.compute.machine import Machine
    from fewray.data.hold_out import training_rows
    from fewray.pipelines.train_generators import train_generators

    check_range("--patience", patience, 1)
    last = train_generators(
        training_rows(_dataset(data)),
        options,
        Path(out),
        classes=classes,
        seed=seed,
        machine=Machine.from_options(**machine),
        resume=resume,
        checkpoint_every=checkpoint_every,
        probe_every=probe_every,
        extractor=extractor,
        hold_out=(0.2 if stop_when_done else 0.0) if hold_out is None else hold_out,
        patience=patience if stop_when_done else 0,
        on_epoch=on_epoch,
        on_batch=on_batch,
    )
    return {label: {} if row is None else msgspec.to_builtins(row) for label, row in last.items()}


def generator_health(run: str | Path) -> dict[str, dict[str, Any]]:
    """Return ``findings`` and ``best_epoch`` by class, from the training logs in ``run``.

    ``best_epoch`` has the lowest KID to held-out images; None where none were held out.
    """
    from fewray.generators.health import run_health

    return run_health(Path(run))


def generate(
    run: str | Path,
    out: str | Path,
    *,
    per_class: int,
    classes: Sequence[str] | None = None,
    first_seed: int = 0,
    device: str = "auto",
    reject_copies: bool = False,
    real: str | Path | Manifest | None = None,
    copy_percentile: float = 2.0,
    group_regex: str | None = None,
    format: str = "png",
) -> Manifest:
    """Write ``per_class`` synthetic images per class of ``run`` to ``out``; return their manifest.

    Image i is generated from seed ``first_seed + i``; ``format`` is ``png`` or ``dicom``. Images
    from an earlier call are removed; InputError if ``out`` holds files that fewray did not write.
    ``about["warnings"]`` are notes.

    With ``reject_copies``, an image is replaced by that of the next seed if :func:`measure_quality`
    (extractor ``lite0``, the same ``copy_percentile``) would flag it as a copy of a training image.
    ``about["rejected"]`` counts these by class; ``about["copy_threshold"]``, ``about["sentences"]``
    and ``about["warnings"]`` describe the threshold. ``real`` is the training data if it is not
    found where the run recorded it; ``group_regex`` finds its patients.
    """
    from fewray.generators.generate import generate as make

    reject = None
    if reject_copies:
        from fewray.pipelines.copy_rejection import copy_rejection

        reject = copy_rejection(
            Path(run), real, percentile=copy_percentile, device=device, group_regex=group_regex
        )
    elif group_regex is not None:
        unused = f"--group-regex {group_regex}: only used with --reject-copies."
        raise InputError("group_regex_unused", unused, pattern=group_regex)
    made = make(
        Path(run),
        Path(out),
        per_class=per_class,
        classes=classes,
        first_seed=first_seed,
        device=device,
        format=format,
        reject=reject,
        copy_threshold=None if reject is None else reject.threshold,
        copy_extractor=None if reject is None else reject.compute.name,
    )
    return made if reject is None else replace(made, about=reject.added_to(made.about))


def measure_quality(
    real: str | Path | Manifest,
    synthetic: str | Path | Manifest,
    *,
    held_out: str | Path | Manifest | None = None,
    classes: Sequence[str] | None = None,
    run: str | Path | None = None,
    out: str | Path | None = None,
    extractor: str = "lite0",
    weights: Path | None = None,
    image_size: int = 64,
    fit: str | None = None,
    k: int = 5,
    copy_percentile: float = 2.0,
    tstr_steps: int = 0,
    seed: int = 0,
    device: str = "auto",
    cache: bool = True,
    group_regex: str | None = None,
    read: ReadOptions | None = None,
) -> QualityReport:
    """Measure ``synthetic`` against the training split of ``real``: fidelity, diversity, copying.

    Images are read as grey images of ``image_size`` pixels, made square by ``fit`` (``pad`` or
    ``squash``; default: as recorded by the generators, else ``squash``). Real images that a class's
    generator did not see are left out. ``classes`` defaults to all; both sides must have them.

    ``held_out`` are real images that no generator saw (the test split of a data set with splits).
    ``run`` is the folder of the generators, for the membership score of their discriminators.
    ``tstr_steps`` above 0 trains classifiers for that many steps (TSTR and TRTS). ``extractor`` may
    be any in docs/metrics.md but those that trained a generator or selected its checkpoint
    (InputError). ``cache`` keeps features in the user's cache folder. ``group_regex`` and ``read``
    are for ``real`` and ``held_out``, by default those of the training. ``out`` receives
    quality.json, copies.csv, copied-areas.csv and pictures of close pairs and areas.
    """
    from fewray.pipelines.provenance import real_images
    from fewray.pipelines.quality_report import quality_report

    run = None if run is None else Path(run)
    made = _dataset(synthetic, "--synthetic")
    images, others = real_images(real, held_out, made, run, group_regex=group_regex, read=read)
    return quality_report(
        images,
        made,
        held_out=others,
        classes=None if classes is None else tuple(classes),
        run=run,
        out=None if out is None else Path(out),
        extractor=extractor,
        weights=weights,
        image_size=image_size,
        fit=fit,
        k=k,
        copy_percentile=copy_percentile,
        tstr_steps=tstr_steps,
        seed=seed,
        device=device,
        cache=cache,
    )


def run_study(
    data: str | Path | Manifest,
    out: str | Path,
    *,
    options: CrossvalOptions | PublishedOptions | str = "standard",
    generators: str | Path | None = None,
    external: str | Path | Manifest | None = None,
    on_progress: OnProgress = lambda kind, event: None,
    **machine: Unpack[MachineOptions],
) -> Path:
    """Run a study into ``out`` and return the path of its ``report.html``.

    ``options`` is a CrossvalOptions, a PublishedOptions, or the name of a crossval preset. Finished
    jobs in ``out`` are reused. ``generators`` is the folder in which crossval keeps each fold's
    generators, or the folder of trained generators that the published protocol uses. ``external``
    is a test set that crossval predicts and never trains on.

    ``on_progress`` is called with the kind of an event and its facts, for example ``stage``
    (``text``), ``epoch`` (a log row and its ``label``), ``classifiers`` (``done``, ``total``).
    ``machine`` are :class:`fewray.compute.machine.MachineOptions`; ``study.json`` does not depend
    on ``executor``.
    """
    from fewray.compute.machine import Machine
    from fewray.report.render import write_report
    from fewray.study import protocols
    from fewray.study.options import preset_options

    options = preset_options(options) if isinstance(options, str) else options
    check_external(external, options)
    protocols.run_study(
        _dataset(data),
        options,
        Path(out),
        generators=None if generators is None else Path(generators),
        external=None if external is None else _dataset(external, "--external"),
        machine=Machine.from_options(**machine),
        on_progress=on_progress,
    )
    return write_report(Path(out))


def plan_study(
    data: str | Path | Manifest,
    options: CrossvalOptions | PublishedOptions,
    *,
    out: str | Path | None = None,
    generators: str | Path | None = None,
    external: str | Path | Manifest | None = None,
    on_progress: OnProgress = lambda kind, event: None,
    **machine: Unpack[MachineOptions],
) -> list[dict[str, Any]]:
    """Return the jobs of a study with their steps and estimated minutes; write nothing.

    InputError where :func:`run_study` would refuse ``out``.
    """
    from fewray.compute.machine import Machine
    from fewray.study import protocols

    check_external(external, options)
    return protocols.plan_study(
        _dataset(data),
        options,
        None if out is None else Path(out),
        generators=None if generators is None else Path(generators),
        external=None if external is None else _dataset(external, "--external"),
        machine=replace(Machine.from_options(**machine), executor="local"),
        on_progress=on_progress,
    )


def _dataset(source: str | Path | Manifest, option: str = "--data") -> Manifest:
    from fewray.data.loading import load_dataset as load

    return load(source, option=option) if isinstance(source, str | Path) else source
