"""Options shared by the commands, their parsers, and help in sections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from fewray.errors import InputError
from fewray.presets import PROTOCOLS, RECIPES

CROSSVAL = "Cross-validation (--protocol crossval)"
PUBLISHED = "Published protocol (--protocol published)"
SHARED = "Both protocols"
MACHINE = "Machine"
RECIPE_NAMES = ", ".join(RECIPES)
RECIPE_HELP = (
    f"Generator recipe: {RECIPE_NAMES}; or auto, which adapts diffusion to the data and says how."
)
SIZE_HELP = "Width and height of the images in pixels. The DCGANs make 64 only."
SOURCES = (
    "Data set: phantom[:key=value,...] (`fewray data list` shows the keys), covid4, a folder "
    "with one subfolder per class, a table (.csv, .tsv, .txt, .xlsx), arrays (.npz), "
    "dicom:FOLDER,labels=TABLE, "
    "or NAME:DIR for a public release (`fewray data list` shows the names)."
)
COPY_RULE = (
    "its distance to the nearest training image is below this percentile of the same distance for "
    "held-out real images"
)
METAVARS = {"<list[str]>": "<text>", "<str>": "<text>", "<Path>": "<path>"}
"""What the help shows instead of the names of Python types."""


class Sectioned(TyperCommand):
    """A command whose help lists options in sections, by their ``rich_help_panel``."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write one section per panel, in the order of the options."""
        sections = defaultdict[str, list[tuple[str, str]]](list)
        for param in self.get_params(ctx):
            usual = "Arguments" if param.param_type_name == "argument" else "Options"
            if (record := param.get_help_record(ctx)) is not None:
                names, text = record
                for python, shown in METAVARS.items():
                    names = names.replace(python, shown)
                sections[getattr(param, "rich_help_panel", None) or usual].append((names, text))
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def path(text: str | Path) -> Path:
    """Return the path; BadParameter for an empty name, which would be the current folder."""
    if not str(text).strip():
        raise typer.BadParameter("the path is empty (an unset variable?); use '.' for this folder")
    return Path(text)


def folder(text: str | Path) -> Path:
    """Return the path of a folder that exists or can be made; BadParameter for a file."""
    found = path(text)
    if found.is_file():
        raise typer.BadParameter(f"expected a folder, but {found} is a file")
    return found


def listed(text: str | None) -> tuple[str, ...] | None:
    """Return the names in a comma-separated list; None for None or an empty list."""
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    return names or None


def numbers(option: str, text: str | None, kind: type[int] | type[float]) -> Any:
    """Return the numbers in a comma-separated list; None for None."""
    if text is None:
        return None
    try:
        return tuple(dict.fromkeys(kind(each) for each in listed(text) or ()))
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        message = f"{option} {text}: expected {what}, separated by commas"
        raise InputError("not_a_number", message, option=option, value=text) from None


def preset_default(name: str) -> str:
    """Return the default of an option and the presets that differ: "4 (2 with preset quick)".

    If the protocols differ, it says so: "600 with crossval, 1200 with published; 100 with preset
    quick", where the part after the semicolon holds for both.
    """
    usual, differ = {}, defaultdict[str, dict[str, str]](dict)
    for protocol, presets in PROTOCOLS.items():
        values = {preset: _value(options, name) for preset, options in presets.items()}
        if own := values.pop("standard"):
            usual[protocol] = own
            for preset, value in values.items():
                if value != own:
                    differ[preset][protocol] = value
    if len(set(usual.values())) == 1:
        others = [_with_preset(preset, values) for preset, values in differ.items()]
        return _in_parentheses(next(iter(usual.values())), others)
    common = {preset for preset, v in differ.items() if len(v) > 1 and len(set(v.values())) == 1}
    texts = [
        _in_parentheses(
            f"{own} with {protocol}",
            [
                _with_preset(preset, {protocol: values[protocol]})
                for preset, values in differ.items()
                if protocol in values and preset not in common
            ],
        )
        for protocol, own in usual.items()
    ]
    shared = [_with_preset(preset, differ[preset]) for preset in differ if preset in common]
    return "; ".join([", ".join(texts), *shared])


def _with_preset(preset: str, values: Mapping[str, str]) -> str:
    """Return the default in one preset, given by protocol."""
    if len(set(values.values())) == 1:
        return f"{next(iter(values.values()))} with preset {preset}"
    by_protocol = [f"{value} with {protocol}" for protocol, value in values.items()]
    return f"with preset {preset}: {', '.join(by_protocol)}"


def _in_parentheses(text: str, others: Sequence[str]) -> str:
    return f"{text} ({', '.join(others)})" if others else text


def _value(options: Any, name: str) -> str:
    for part in name.split("."):
        options = getattr(options, part, None)
    match options:
        case None:
            return ""
        case bool():
            return "yes" if options else "no"
        case tuple():
            return ",".join(f"{each:g}" for each in options) or "none"
        case _:
            return f"{options:g}" if isinstance(options, float) else str(options)


def option(
    default: Any, help: str, *names: str, panel: str | None = None, shown: str | bool = True
) -> Any:
    """Return an option; ``shown`` is what its help gives as the default."""
    return typer.Option(default, *names, help=help, rich_help_panel=panel, show_default=shown)


def preset_option(help: str, name: str = "", *names: str, panel: str = CROSSVAL) -> Any:
    """Return an option whose default is that of the preset, called ``name`` there."""
    help += f"  [default: {preset_default(name)}]" if name else ""
    return option(None, help, *names, panel=panel)


def path_option(help: str, *names: str, panel: str | None = None) -> Any:
    """Return an option for a file or folder that need not exist yet."""
    return typer.Option(
        None, *names, help=help, parser=path, metavar="<path>", rich_help_panel=panel
    )


Data = Annotated[str, typer.Option("--data", "-d", help=SOURCES)]
Out = Annotated[
    Path,
    typer.Option("--out", "-o", help="Folder for the results.", parser=folder, metavar="<dir>"),
]
Classes = Annotated[
    str, typer.Option(help="Comma-separated classes to use.", show_default="all classes")
]
Seed = Annotated[int, typer.Option(help="Base random seed.")]
GroupRegex = Annotated[
    str | None,
    typer.Option(
        help="Regular expression applied to each file name, or else to the path below the data "
        "folder; its first capture group is the patient ID."
    ),
]
View = Annotated[
    str,
    typer.Option(
        help="Comma-separated views to use, such as PA,AP: by the ViewPosition of DICOM files, or "
        "by the table of a public release.",
        show_default="all views",
    ),
]
SkipUnreadable = Annotated[
    bool,
    typer.Option(
        "--skip-unreadable",
        help="Leave out image files that cannot be read, and rows of a table without a label, "
        "with a warning, instead of stopping.",
    ),
]
Device = Annotated[
    str, typer.Option(help="Device: auto, cuda, mps or cpu.", rich_help_panel=MACHINE)
]
Precision = Annotated[
    str,
    typer.Option(
        help="Precision: auto, bf16 or fp32. auto picks bf16 if it is faster on this machine.",
        rich_help_panel=MACHINE,
    ),
]
Processes = Annotated[
    int,
    typer.Option(
        help="Number of models to train in parallel. 0 means one per core, or eight on a GPU.",
        rich_help_panel=MACHINE,
    ),
]
Threads = Annotated[
    int,
    typer.Option(
        help="Number of threads per training run; 0 is the same as 1. The results depend on it.",
        rich_help_panel=MACHINE,
    ),
]
Executor = Annotated[
    str,
    typer.Option(
        help="Where to run the jobs: local; dask:N for N Dask workers on this machine; or "
        "tcp://host:port for the scheduler of a Dask cluster.",
        rich_help_panel=MACHINE,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the jobs and the estimated time, then exit.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
CopyPercentile = Annotated[
    float, typer.Option(help=f"Count a synthetic image as a copy if {COPY_RULE}.")
]
