"""The public functions, one per command. ``import fewray`` offers them without loading PyTorch.

All raise :class:`fewray.errors.InputError` for bad input and :class:`fewray.errors.RunFailed` for a
run that could not continue. They print nothing. Where ``data``, ``real``, ``synthetic``, ``held_out``
or ``external`` is asked for, give a data set's name, a folder, a CSV file, or a manifest that
:func:`load_dataset` returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewray.config import CrossvalOptions, GanOptions, PublishedOptions
from fewray.errors import InputError, check_range
from fewray.presets import recipe

if TYPE_CHECKING:
    from fewray.compute.machine import Machine
    from fewray.data.manifest import Manifest
    from fewray.quality.result import Quality

OnProgress = Callable[[str, Mapping[str, Any]], None]
"""Called with the kind of an event or the label of a class, and the facts about it."""


def _ignore(kind: str, event: Mapping[str, Any]) -> None:
    """Ignore a progress event."""


def load_dataset(source: str | Path, *, group_regex: str | None = None) -> Manifest:
    """Return the manifest of ``phantom[:key=value,...]``, ``covid4``, a folder, or a CSV file.

    A folder holds one subfolder per class. The first group of ``group_regex`` in a file name is the
    patient ID.
    """
    from fewray.data.loading import load_dataset as load

    return load(source, group_regex=group_regex)


def train_generator(
    data: str | Path | Manifest,
    out: str | Path,
    *,
    options: GanOptions | str = "paper",
    classes: Sequence[str] | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    processes: int = 0,
    threads: int = 0,
    executor: str = "local",
    resume: bool = False,
    checkpoint_every: int = 5,
    probe_every: int = 20,
    extractor: str = "lite0",
    stop_when_done: bool = False,
    hold_out: float | None = None,
    patience: int = 3,
    on_epoch: OnProgress = _ignore,
    on_batch: OnProgress = _ignore,
) -> dict[str, dict[str, Any]]:
    """Train one generator per class into ``out/<class>``; return the last log row of each class.

    The test split is never used. ``options`` is the name of a recipe or a GanOptions. With
    ``resume``, training continues from the checkpoints in ``out``; on a CPU the result is identical
    to that of an uninterrupted run. Checkpoints are written every ``checkpoint_every`` epochs; FID,
    KID and IS are measured every ``probe_every`` epochs (0: never) with ``extractor``.

    ``hold_out`` is the share (0 to below 1) of each class's patients that its generator does not
    see; KID to their images is measured too. ``stop_when_done`` ends a training run after
    ``patience`` measurements without improvement and samples the best checkpoint; it holds out 0.2
    by default.

    ``on_epoch`` is called with the class and each log row (``epoch``, ``epochs``, ``loss_d``, ...),
    ``on_batch`` with ``batch`` and ``batches``. ``executor`` is ``local``, ``dask:N`` or the address
    ``tcp://host:port`` of a Dask scheduler (docs/cluster.md).
    """
    from fewray.data.hold_out import training_rows
    from fewray.pipelines.train_generators import train_generators

    check_range("--seed", seed, 0)
    check_range("--checkpoint-every", checkpoint_every, 1)
    check_range("--quality-every", probe_every, 0)
    check_range("--patience", patience, 1)
    default_hold_out = 0.2 if stop_when_done else 0.0
    return train_generators(
        training_rows(_dataset(data)),
        recipe(options) if isinstance(options, str) else options,
        Path(out),
        classes=classes,
        seed=seed,
        machine=machine(device, precision, processes, threads, executor),
        resume=resume,
        checkpoint_every=checkpoint_every,
        probe_every=probe_every,
        extractor=extractor,
        hold_out=default_hold_out if hold_out is None else hold_out,
        patience=patience if stop_when_done else 0,
        on_epoch=on_epoch,
        on_batch=on_batch,
    )


def generator_health(run: str | Path) -> dict[str, dict[str, Any]]:
    """Return ``findings`` and ``best_epoch`` by class, from the training logs in ``run``.

    ``best_epoch`` has the lowest KID to held-out images; None where none were held out.
    """
    from fewray.generators.health import best_epoch, findings
    from fewray.generators.log import LOG, read_log

    found = {}
    for path in sorted(Path(run).glob(f"*/{LOG}")):
        rows = read_log(path.parent)
        found[path.parent.name] = {
            "findings": [{**finding.to_json(), "text": str(finding)} for finding in findings(rows)],
            "best_epoch": best_epoch(rows),
        }
    return found


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
) -> Manifest:
    """Write ``per_class`` synthetic images per class of ``run`` to ``out``; return their manifest.

    Image i is generated from seed ``first_seed + i``. Images from an earlier call are removed;
    InputError if ``out`` holds files that fewray did not write.

    With ``reject_copies``, an image is replaced by that of the next seed if :func:`measure_quality`
    (extractor ``lite0``, the same ``copy_percentile``) would flag it as a copy of a training image.
    ``about["rejected"]`` of the manifest counts these by class; ``about["copy_threshold"]``,
    ``about["sentences"]`` and ``about["warnings"]`` describe the threshold. ``real`` is the training
    data if it is not found under the name recorded by the run; ``group_regex`` finds its patients.
    """
    from fewray.generators.generate import generate as make

    reject = None
    if reject_copies:
        from fewray.pipelines.copy_rejection import copy_rejection

        reject = copy_rejection(
            Path(run), real, percentile=copy_percentile, device=device, group_regex=group_regex
        )
    elif group_regex is not None:
        message = f"--group-regex {group_regex}: only used with --reject-copies"
        raise InputError("group_regex_unused", message, pattern=group_regex)
    made = make(
        Path(run),
        Path(out),
        per_class=per_class,
        classes=classes,
        first_seed=first_seed,
        device=device,
        reject=reject,
        bar=None if reject is None else reject.bar.to_json(),
    )
    return made if reject is None else replace(made, about=made.about | reject.to_notes())


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
) -> Quality:
    """Measure ``synthetic`` against the training split of ``real``: fidelity, diversity, copying.

    Images are read as grey images of ``image_size`` pixels, made square by ``fit`` (``pad`` or
    ``squash``; default: as recorded by the generators, else ``squash``). Real images that a class's
    generator did not see are left out. ``classes`` defaults to all; both sides must have them.

    ``held_out`` are real images that no generator saw (the test split of a data set with splits).
    ``run`` is the folder of the generators, for the membership score of their discriminators.
    ``tstr_steps`` above 0 trains classifiers for that many steps (TSTR and TRTS). ``extractor`` may
    also be ``onnx:FILE`` or ``study:RUN`` (docs/metrics.md). ``cache`` keeps features in the user's
    cache folder. ``group_regex`` finds patients in file names, by default as in training.
    ``out`` receives quality.json, copies.csv and pictures of the closest pairs.
    """
    from fewray.data.hold_out import held_out_rows, training_rows
    from fewray.pipelines.provenance import image_sources, load_films, patient_pattern
    from fewray.pipelines.quality_report import judge

    check_range("--k", k, 1)
    check_range("--image-size", image_size, 8)
    check_range("--tstr-steps", tstr_steps, 0)
    run = None if run is None else Path(run)
    made = _dataset(synthetic, "--synthetic")
    stored = patient_pattern(image_sources(made, run))
    films = load_films(real, group_regex, stored, option="--real")
    others = (
        None
        if held_out is None
        else load_films(held_out, None, group_regex or stored, option="--held-out")
    )
    return judge(
        training_rows(films),
        made,
        held_out=None if others is None else held_out_rows(others),
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
    device: str = "auto",
    precision: str = "auto",
    processes: int = 0,
    threads: int = 0,
    executor: str = "local",
    on_progress: OnProgress = _ignore,
) -> Path:
    """Run a study into ``out`` and return the path of its ``report.html``.

    ``options`` is a CrossvalOptions, a PublishedOptions, or the name of a crossval preset. Finished
    jobs in ``out`` are reused. ``generators`` is the folder in which crossval keeps each fold's
    generators, or the folder of trained generators that the published protocol uses. ``external`` is
    a test set that crossval predicts and never trains on.

    ``on_progress`` is called with the kind of an event and its facts, for example ``stage``
    (``text``), ``epoch`` (a log row and its ``label``), ``classifiers`` (``done``, ``total``).
    ``study.json`` does not depend on ``executor``: ``local``, ``dask:N`` or ``tcp://host:port``.
    """
    from fewray.report.render import write_report
    from fewray.study.options import preset_options

    settled = preset_options(options) if isinstance(options, str) else options
    where = machine(device, precision, processes, threads, executor)
    run = Path(generators) if generators else None
    check_external(external, settled)
    tested = None if external is None else _dataset(external, "--external")
    if isinstance(settled, CrossvalOptions):
        from fewray.study.crossval.run import run_crossval

        run_crossval(
            _dataset(data),
            settled,
            Path(out),
            generators=run,
            external=tested,
            machine=where,
            on_progress=on_progress,
        )
    else:
        from fewray.study.published.run import run_published

        run_published(
            _dataset(data),
            settled,
            Path(out),
            generators=run,
            machine=where,
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
    device: str = "auto",
    precision: str = "auto",
    processes: int = 0,
    threads: int = 0,
    on_progress: OnProgress = _ignore,
) -> list[dict[str, Any]]:
    """Return the jobs of a study with their steps and estimated minutes; write nothing.

    InputError where :func:`run_study` would refuse ``out``.
    """
    where = machine(device, precision, processes, threads)
    check_external(external, options)
    if out is not None:
        from fewray.study.resume import check_protocol

        check_protocol(Path(out), options.protocol)
    rows = _dataset(data)
    if isinstance(options, CrossvalOptions):
        from fewray.study.crossval.plan import plan_crossval
        from fewray.study.resume import FoldAssignment, check_folds

        if out is not None:
            check_folds(Path(out), FoldAssignment.of(rows, options))
        tested = None if external is None else _dataset(external, "--external")
        return plan_crossval(rows, options, external=tested, machine=where, on_progress=on_progress)
    from fewray.study.published.arms import check_generators
    from fewray.study.published.plan import plan_published
    from fewray.study.published.run import split_rows

    if generators is not None:
        check_generators(Path(generators), *split_rows(rows), options.classifier)
    return plan_published(
        rows, options, trains=generators is None, machine=where, on_progress=on_progress
    )


def check_external(external: object, options: CrossvalOptions | PublishedOptions) -> None:
    """Raise InputError if there is an external test set and ``options`` do not allow one."""
    if external is None:
        return
    if isinstance(options, PublishedOptions):
        message = "--external: the published protocol uses its own test split; use crossval"
        raise InputError("external_not_supported", message, protocol=options.protocol)
    if options.keep_test:
        message = "--external and --keep-test: a study has one external test set; leave one out"
        raise InputError("exclusive_options", message, options=["--external", "--keep-test"])


def machine(
    device: str, precision: str, processes: int, threads: int, executor: str = "local"
) -> Machine:
    """Return where models are trained, after checking the options."""
    from fewray.compute.dask.executors import LOCAL, check_executor
    from fewray.compute.machine import Machine

    check_range("--processes", processes, 0)
    check_range("--threads", threads, 0)
    if check_executor(executor) != LOCAL and processes:
        message = f"--processes {processes}: a cluster sets its own; leave it out with {executor}"
        raise InputError("processes_with_cluster", message, executor=executor)
    return Machine(
        device=device, precision=precision, processes=processes, threads=threads, executor=executor
    )


def _dataset(source: str | Path | Manifest, option: str = "--data") -> Manifest:
    from fewray.data.loading import load_dataset as load

    return load(source, option=option) if isinstance(source, str | Path) else source
