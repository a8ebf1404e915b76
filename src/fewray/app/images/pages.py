"""Handlers of the pages of images."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fewray.app.context import context_of
from fewray.app.images.image_set import ID_LENGTH, SIZES, ImageSet
from fewray.app.images.neighbours import Neighbour
from fewray.app.pages import integer, name_of
from fewray.data.manifest import Row
from fewray.errors import InputError
from fewray.imaging.arrays import png_bytes
from fewray.storage.rejects import Reject, read_rejects

PER_PAGE = 60


class SetView(msgspec.Struct, frozen=True, kw_only=True):
    """A set in the list of sets."""

    key: str
    title: str
    origin: str
    counts: dict[str, int]
    """Images by class."""
    marked: int = 0
    problem: str = ""


class ImageView(msgspec.Struct, frozen=True, kw_only=True):
    """An image of a set."""

    image: str
    label: str
    split: str
    seed: int | None
    marked: bool
    reason: str = ""


class PageView(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the images of a set."""

    set: SetView
    label: str
    marked: bool
    """Whether only images marked as artefacts are shown."""
    page: int
    pages: int
    images: tuple[ImageView, ...]


class DetailView(msgspec.Struct, frozen=True, kw_only=True):
    """One image with its neighbours."""

    set: SetView
    image: ImageView
    neighbours: tuple[Neighbour, ...]
    before: str
    after: str


def sets(request: Request) -> Response:
    """Show all sets of images."""
    context = context_of(request)
    views = []
    for key in context.images.all_keys():
        try:
            views.append(set_view(context.images.get(key)))
        except InputError as error:
            origin, _, title = key.partition("/")
            views.append(
                SetView(key=key, title=title, origin=origin, counts={}, problem=str(error))
            )
    walks = [run.name for run in context.library.runs() if run.kind == "training"]
    return context.pages.show(request, "sets.html.j2", views, section="images", walks=walks)


def browse(request: Request) -> Response:
    """Show the images of a set, by class."""
    context = context_of(request)
    found = context.images.get(name_of(request))
    label = request.query_params.get("class", "")
    if label not in ("", *found.manifest.classes):
        raise InputError("no_set", f"{label[:80]}: no such class in {found.title}.")
    rejects = _marks(found)
    rows = found.rows(label or None)
    marked = bool(request.query_params.get("marked"))
    if marked:
        rows = [row for row in rows if _key(found, row) in rejects]
    pages = max(1, -(-len(rows) // PER_PAGE))
    page = integer(request.query_params, "page", 1, 1, pages)
    shown = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
    view = PageView(
        set=set_view(found),
        label=label,
        marked=marked,
        page=page,
        pages=pages,
        images=tuple(image_view(found, row, rejects) for row in shown),
    )
    return context.pages.show(request, "browse.html.j2", view, section="images", view=view)


def image(request: Request) -> Response:
    """Show one image with its nearest real neighbours."""
    context = context_of(request)
    found = context.images.get(request.path_params["set"])
    row = found.row(request.path_params["image"].removesuffix(".json"))
    ids = [each.sha256[:ID_LENGTH] for each in found.rows(row.label)]
    place = ids.index(row.sha256[:ID_LENGTH])
    view = DetailView(
        set=set_view(found),
        image=image_view(found, row, _marks(found)),
        neighbours=tuple(context.neighbours.of(found, row)),
        before=ids[place - 1],
        after=ids[(place + 1) % len(ids)],
    )
    return context.pages.show(request, "image.html.j2", view, section="images", view=view)


def picture(request: Request) -> Response:
    """Send an image, decoded and encoded again."""
    found = context_of(request).images.get(request.path_params["set"])
    size = integer(request.query_params, "size", 128, SIZES[0], SIZES[-1])
    if size not in SIZES:
        raise InputError("out_of_range", f"size {size}: expected one of {SIZES}.")
    name = request.path_params["image"].removesuffix(".png")
    return png(png_bytes(found.picture(name, size)))


def difference_picture(request: Request) -> Response:
    """Send the difference of an image and a real one, as the report's lens shows it."""
    from fewray.report.pages.lens import difference

    images, query = context_of(request).images, request.query_params
    one, other = images.get(request.path_params["set"]), images.get(query.get("set", ""))
    row = one.row(request.path_params["image"].removesuffix(".png"))
    fit = one.fit_of(row.label)
    second = other.row(query.get("image", ""))
    made = difference(one.compared([row], fit)[0, 0], other.compared([second], fit)[0, 0])
    return png(png_bytes(made))


def set_view(found: ImageSet) -> SetView:
    """Return the entry of a set."""
    counts = {label: len(found.rows(label)) for label in found.manifest.classes}
    marks = _marks(found)
    marked = sum(_key(found, row) in marks for row in found.rows()) if marks else 0
    return SetView(
        key=found.key, title=found.title, origin=found.origin, counts=counts, marked=marked
    )


def image_view(found: ImageSet, row: Row, marks: dict[tuple[str, int, str], str]) -> ImageView:
    """Return the entry of an image."""
    key = _key(found, row)
    return ImageView(
        image=row.sha256[:ID_LENGTH],
        label=row.label,
        split=row.split,
        seed=None if key is None else key[1],
        marked=key in marks,
        reason=marks.get(key, "") if key else "",
    )


def reject_of(found: ImageSet, row: Row, reason: str = "") -> Reject:
    """Return the mark of a synthetic image; InputError if it has no seed."""
    key = _key(found, row)
    if key is None:
        raise InputError("not_synthetic", "Only images made by `fewray generate` can be marked.")
    return Reject(label=key[0], seed=key[1], checkpoint_sha256=key[2], reason=reason)


def _key(found: ImageSet, row: Row) -> tuple[str, int, str] | None:
    """Return class, seed and generator of a synthetic image; None for another image."""
    seed = row.path.stem.removeprefix("seed")
    if row.label not in found.generators or not seed.isdecimal():
        return None
    return row.label, int(seed), found.generators[row.label].checkpoint_sha256


def _marks(found: ImageSet) -> dict[tuple[str, int, str], str]:
    if found.folder is None:
        return {}
    marks = read_rejects(found.folder)
    return {(m.label, m.seed, m.checkpoint_sha256): m.reason for m in marks}


def png(content: bytes) -> Response:
    """Return a picture that the browser may keep: its address names its content."""
    headers = {"cache-control": "private, max-age=3600"}
    return Response(content, media_type="image/png", headers=headers)
