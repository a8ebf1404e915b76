"""Build the app and run it on a free port."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from fewray.app.context import Context
from fewray.app.images import pages as image_pages
from fewray.app.images import walk_pages
from fewray.app.images.neighbours import Neighbours
from fewray.app.images.sets import ImageSets
from fewray.app.images.walk import Walks
from fewray.app.library import Library
from fewray.app.pages import STATIC, Pages
from fewray.app.reader_study import defining, owner, reading, results
from fewray.app.reader_study.access import Readers
from fewray.app.reader_study.links import NewLinks
from fewray.app.runs import pages as run_pages
from fewray.app.security import HEADERS, Forms, Guard, is_loopback
from fewray.errors import InputError, RunFailed, check_range

WILDCARDS = ("0.0.0.0", "::")
"""All addresses of the machine."""
TRIES = 100
"""Ports tried after a busy one."""
REPORT_STATIC = Path(str(files("fewray.report"))) / "static"
SHARED = ("colours.css", "tables.css")
"""Stylesheets of the report that the app uses too."""
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
STATIC_FILES = {
    path.name: path for path in (*(REPORT_STATIC / name for name in SHARED), *STATIC.iterdir())
}
ROUTES: tuple[tuple[str, Callable[[Request], object], tuple[str, ...]], ...] = (
    ("/runs", run_pages.runs, ("GET",)),
    ("/runs.json", run_pages.runs, ("GET",)),
    ("/runs/{name:path}", run_pages.run, ("GET",)),
    ("/reports/{name:path}", run_pages.report, ("GET",)),
    ("/grids/{name:path}", run_pages.grid, ("GET",)),
    ("/compare", run_pages.compare, ("GET",)),
    ("/compare.json", run_pages.compare, ("GET",)),
    ("/images", image_pages.sets, ("GET",)),
    ("/images.json", image_pages.sets, ("GET",)),
    ("/images/{name:path}", image_pages.browse, ("GET",)),
    ("/image/{set:path}/{image}", image_pages.image, ("GET",)),
    ("/pixels/{set:path}/{image}", image_pages.picture, ("GET",)),
    ("/difference/{set:path}/{image}", image_pages.difference_picture, ("GET",)),
    ("/walk/{name:path}", walk_pages.walk, ("GET",)),
    ("/frames/{name:path}", walk_pages.frame, ("GET",)),
    ("/marks", walk_pages.change_mark, ("POST",)),
    ("/reader-studies", defining.studies, ("GET",)),
    ("/reader-studies", defining.define, ("POST",)),
    ("/reader-studies.json", defining.studies, ("GET",)),
    ("/reader-studies/{name:path}", owner.study, ("GET",)),
    ("/reader-studies/{name:path}", owner.invite, ("POST",)),
    ("/reader-results/{name:path}", results.results, ("GET",)),
    ("/reader-pictures/{name:path}", results.picture, ("GET",)),
    ("/reader-exports/{name:path}", results.export, ("GET",)),
    ("/read/{token}", reading.read, ("GET",)),
    ("/read/{token}/grade", reading.choose_grade, ("POST",)),
    ("/read/{token}/answer", reading.answer, ("POST",)),
    ("/read/{token}/image/{showing}", reading.picture, ("GET",)),
)


def create_app(
    folder: Path, *, data: Sequence[str] = (), host: str = "127.0.0.1", origin: str = ""
) -> Starlette:
    """Return the app that serves the runs in ``folder`` and the real images ``data``.

    ``host`` is the address it will listen on. If that is not this machine only, readers of a reader
    study may come from other machines, to the addresses below ``origin``; all other pages stay
    closed to them. InputError for a folder or data set that cannot be read.
    """
    library = Library(folder)
    forms = Forms()
    images = ImageSets(library, data)
    app = Starlette(
        routes=[
            Route("/", lambda request: RedirectResponse("/runs")),
            Route("/static/{name}", static),
            *(Route(path, handler, methods=list(methods)) for path, handler, methods in ROUTES),
        ],
        middleware=[
            Middleware(
                Guard,
                hosts=() if is_loopback(host) else (host, socket.gethostname()),
                open_to_others=not is_loopback(host),
            )
        ],
        exception_handlers={
            HTTPException: problem,
            InputError: problem,
            RunFailed: problem,
            OSError: problem,
            Exception: failure,
        },
    )
    app.state.context = Context(
        library=library,
        images=images,
        neighbours=Neighbours(images),
        walks=Walks(),
        readers=Readers(library),
        forms=forms,
        pages=Pages(forms, str(folder)),
        links=NewLinks(),
        origin=origin,
    )
    return app


def problem(request: Request, error: Exception) -> Response:
    """Return the page of an error."""
    return request.app.state.context.pages.problem(request, error)


def failure(request: Request, error: Exception) -> Response:
    """Return the page of an error in the app itself; the server prints its traceback."""
    answer = problem(request, error)
    answer.headers.update(HEADERS)
    return answer


def static(request: Request) -> Response:
    """Send one of the app's own files."""
    path = STATIC_FILES.get(request.path_params["name"])
    if path is None or path.suffix not in TYPES:
        raise HTTPException(404)
    headers = {"cache-control": "no-cache"}
    return FileResponse(path, media_type=TYPES[path.suffix], headers=headers)


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on ``port`` or the next free one, the first of them on ``host``.

    With another address than this machine's own, one on 127.0.0.1 follows for the owner. InputError
    ``host_unusable`` or ``no_free_port``.
    """
    check_range("--port", port, 0, 65535)
    addresses = [host] if is_loopback(host) or host in WILDCARDS else [host, "127.0.0.1"]
    for candidate in range(port, min(port + TRIES, 65536)) if port else (0,):
        opened: list[socket.socket] = []
        try:
            for address in addresses:
                opened.append(_listening(address, candidate))
                candidate = opened[0].getsockname()[1]
            return opened
        except OSError as error:
            for each in opened:
                each.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                message = f"--host {host}: cannot listen there ({error.strerror})."
                raise InputError("host_unusable", message, host=host) from None
    message = f"--port {port}: no free port from there on. Choose another --port."
    raise InputError("no_free_port", message, port=port)


def _listening(address: str, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((address, port))
        opened.listen(128)
    except OSError:
        opened.close()
        raise
    return opened


def origin_of(host: str, port: int) -> str:
    """Return the start of the addresses of an app that listens on ``host``.

    For all addresses of the machine (0.0.0.0), it is the one that other machines would see.
    """
    if host in WILDCARDS:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # chooses an interface, sends nothing
                host = probe.getsockname()[0]
            except OSError:
                host = socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: Starlette, opened: list[socket.socket]) -> None:
    """Serve until Ctrl-C. Answers that are being stored are finished first."""
    import uvicorn

    from fewray.app.connections import Connection

    config = uvicorn.Config(
        app,
        http=Connection,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
        limit_concurrency=200,
        h11_max_incomplete_event_size=32 * 1024,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises it again when it has ended
        uvicorn.Server(config).run(sockets=opened)
