"""fewray from Python: the functions behind the commands. ``import fewray`` offers them without loading PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewray.config import CrossvalOptions, GanOptions, PublishedOptions
from fewray.errors import InputError
from fewray.presets import recipe

if TYPE_CHECKING:
    from fewray.compute.machine import Machine
    from fewray.data.manifest import Manifest
    from fewray.quality.result import Quality


def load_dataset(source: str | Path, *, group_regex: str | None = None) -> Manifest:
    """Return the rows of ``phantom[:key=value,...]``, ``covid4``, a folder of class folders, or a CSV file."""
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
    on_epoch: Callable[[str, Mapping[str, Any]], None] = lambda label, row: None,
    on_batch: Callable[[str, Mapping[str, Any]], None] = lambda label, progress: None,
) -> dict[str, dict[str, Any]]:
    """Train one generator a class into ``out/<class>``; return each one's last log row.

    Rows of split ``test`` are never seen. ``options`` is a recipe's name or a GanOptions; ``resume`` continues what
    ``out`` holds, on a CPU with the same bits as if it had never stopped. ``hold_out`` keeps that share of each class's
    patients from its generator and measures KID to them; ``stop_when_done`` (with 0.2 held out where nothing is said)
    ends a training after ``patience`` measurements that are no better, and the best checkpoint is sampled from.
    Nothing is printed: ``on_epoch`` is called with the class and each row of its log (``epoch``, ``epochs``, ``loss_d``, ...),
    ``on_batch`` with ``batch`` and ``batches``; ``out/<class>/stats.jsonl`` grows meanwhile.
    ``executor`` is ``local``, ``dask:N`` or a scheduler's ``tcp://host:port`` (docs/cluster.md).
    """
    from fewray.data.hold_out import training_rows
    from fewray.pipelines.train_generators import train_generators

    manifest = training_rows(_dataset(data))
    return train_generators(
        manifest,
        recipe(options) if isinstance(options, str) else options,
        Path(out),
        classes=classes,
        seed=seed,
        machine=_machine(device, precision, processes, threads, executor),
        resume=resume,
        checkpoint_every=checkpoint_every,
        probe_every=probe_every,
        extractor=extractor,
        hold_out=hold_out if hold_out is not None else 0.2 if stop_when_done else 0.0,
        patience=patience if stop_when_done else 0,
        on_epoch=on_epoch,
        on_batch=on_batch,
    )


def generator_health(run: str | Path) -> dict[str, dict[str, Any]]:
    """Return by class what the logs in ``run`` say of the trainings: ``findings`` and ``best_epoch`` on held-out films."""
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
    """Write ``per_class`` synthetic images of each class of ``run`` to ``out``; return their manifest.

    With ``reject_copies`` an image that :func:`measure_quality` of the same data and all of the run's classes would call
    a copy, with extractor ``lite0``, the size and the fit of the generators, and the same ``copy_percentile``, is replaced
    by the next seed's; ``notes["rejected"]`` counts them by class, ``notes["copy_threshold"]`` and ``notes["sentences"]`` say by
    which bar, ``notes["warnings"]`` what was not known. ``real`` is the data the run was trained on, where it is not found
    by the name the run wrote down; ``group_regex`` finds its patients, by default as in training. Earlier images are removed;
    InputError where ``out`` holds images or a table of somebody else's.
    """
    from fewray.generators.generate import generate as make

    reject = None
    if reject_copies:
        from fewray.pipelines.copy_rejection import copy_rejection

        reject = copy_rejection(
            Path(run), real, percentile=copy_percentile, device=device, group_regex=group_regex
        )
    elif group_regex is not None:
        raise InputError(
            f"--group-regex {group_regex}: finds the patients of training films; use it with --reject-copies"
        )
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
    return made if reject is None else replace(made, notes=made.notes | reject.to_notes())


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
    """Measure ``synthetic`` against the training rows of ``real``: fidelity, diversity, copying, tstr.

    All are read as grey images of ``image_size`` pixels, made square as the generators' own films were (``fit``: what
    ``generators.json`` beside the images or ``run`` says, else ``squash``; another is refused). Films that a class's
    generator is known not to have seen are left out of ``real``. ``classes`` are measured, or all where both sides have the same.
    ``held_out`` are real films no generator saw (of a set with a split, its test rows); ``run`` is the generators'
    folder, for the membership score of their discriminators. ``tstr_steps`` above 0 trains classifiers that
    long. ``out`` gets quality.json, copies.csv and the closest pairs. ``extractor`` may be ``onnx:FILE`` or
    ``study:RUN`` too (docs/metrics.md); with ``cache``, features are kept in the user's cache folder. ``group_regex``
    finds the patients of ``real``, and of ``held_out`` where it fits, in file names; by default as in training.
    """
    from fewray.data.hold_out import held_out_rows, training_rows
    from fewray.pipelines.provenance import image_sources, load_films, patient_pattern
    from fewray.pipelines.quality_report import judge

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
    on_progress: Callable[[str, Mapping[str, Any]], None] = lambda kind, event: None,
) -> Path:
    """Run a study into ``out`` and return the path of its ``report.html``.

    ``options`` is the name of a preset of the trial, CrossvalOptions, or PublishedOptions for the published protocol
    (``fewray.study.options``). ``generators`` is, for the published protocol, a folder made by :func:`train_generator`
    to take the images from; for the trial, the folder in which its folds' generators are looked for and kept. ``external``
    is a test set that the trial only predicts (:func:`fewray.data.external.load_external` finds its patients by a
    pattern). What ``out`` holds already is not done again. Nothing is printed: ``on_progress`` is called with what happens and
    its facts, among others ``stage`` (``text``), ``epoch`` (a row of a generator's log, and its ``label``), ``classifiers``
    (``done``, ``total``), ``cell`` or, published, ``classifier`` (one that is trained: ``accuracy``, ``seconds``).
    ``executor`` is ``local``, ``dask:N`` or a scheduler's ``tcp://host:port`` (docs/cluster.md); ``study.json`` is the same
    whichever it is.
    """
    from fewray.report.render import write_report
    from fewray.study.options import preset_options

    settled = preset_options(options) if isinstance(options, str) else options
    machine = _machine(device, precision, processes, threads, executor)
    run = Path(generators) if generators else None
    if isinstance(settled, CrossvalOptions):
        from fewray.study.crossval.run import run_crossval

        rows, tested = (
            _dataset(data),
            None if external is None else _dataset(external, "--external"),
        )
        run_crossval(
            rows,
            settled,
            Path(out),
            generators=run,
            external=tested,
            machine=machine,
            on_progress=on_progress,
        )
    else:
        from fewray.study.published.run import run_published

        if external is not None:
            raise InputError(
                "--external: the published protocol tests on its own split; use --protocol crossval"
            )
        run_published(
            _dataset(data),
            settled,
            Path(out),
            generators=run,
            machine=machine,
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
    on_progress: Callable[[str, Mapping[str, Any]], None] = lambda kind, event: None,
) -> list[dict[str, Any]]:
    """Return the jobs of a study, their steps, and the minutes they would take on this machine; nothing is written.

    InputError where :func:`run_study` would refuse ``out`` as the folder of another trial or protocol.
    """
    machine = _machine(device, precision, processes, threads, "local")
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
        return plan_crossval(
            rows, options, external=tested, machine=machine, on_progress=on_progress
        )
    from fewray.pipelines.estimate import plan_study as plan
    from fewray.study.published.arms import check_generators
    from fewray.study.published.run import split_rows

    if generators is not None:
        check_generators(Path(generators), *split_rows(rows), options.classifier)
    return plan(rows, options, trains=generators is None, machine=machine, on_progress=on_progress)


def _machine(device: str, precision: str, processes: int, threads: int, executor: str) -> Machine:
    from fewray.compute.dask.executors import LOCAL, check_executor
    from fewray.compute.machine import Machine

    if check_executor(executor) != LOCAL and processes:
        raise InputError(
            f"--processes {processes}: a cluster has its own; leave it out with --executor {executor}"
        )
    return Machine(
        device=device, precision=precision, processes=processes, threads=threads, executor=executor
    )


def _dataset(source: str | Path | Manifest, option: str = "--data") -> Manifest:
    from fewray.data.loading import load_dataset as load

    return load(source, option=option) if isinstance(source, str | Path) else source
