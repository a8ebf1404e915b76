"""``fewray serve``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from fewray.cli.params import option, path
from fewray.cli.progress import log

PORT = 8765


def serve(
    runs: Annotated[
        Path, typer.Argument(metavar="RUNS", help="Folder with runs, or one run.", parser=path)
    ],
    data: Annotated[
        list[str],
        typer.Option(
            "--data",
            "-d",
            help="Real images to show: as for `fewray train`. Repeat the option for several sets. "
            "No other real images are shown, except in the files of the runs.",
            show_default="none",
        ),
    ] = [],  # noqa: B006 (typer copies it)
    host: str = option(
        "127.0.0.1",
        "Address to listen on. With another one, readers of a reader study may come from other "
        "machines; all other pages stay closed to them.",
    ),
    port: int = option(PORT, "Port; the next free one is used if it is busy."),
) -> None:
    """Show runs, images and reader studies in a browser on this machine."""
    from fewray.app import server
    from fewray.app.security import is_loopback

    with ExitStack() as stack:
        opened = [stack.enter_context(each) for each in server.open_sockets(host, port)]
        found = opened[0].getsockname()[1]
        if port and found != port:
            log(f"port {port} is busy; using {found}")
        origin = server.origin_of(host, found)
        app = server.create_app(runs, data=data, host=host, origin=origin)
        local = is_loopback(host)
        print(f"{runs}: {origin if local else f'http://127.0.0.1:{found}'}", flush=True)
        if not local:
            log(f"readers on other machines: {origin}/read/...; the connection is not encrypted")
        server.run(app, opened)
