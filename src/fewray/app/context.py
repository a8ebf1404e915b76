"""What the handlers of all pages share."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from fewray.app.images.neighbours import Neighbours
from fewray.app.images.sets import ImageSets
from fewray.app.images.walk import Walks
from fewray.app.library import Library
from fewray.app.pages import Pages
from fewray.app.reader_study.access import Readers
from fewray.app.reader_study.links import NewLinks
from fewray.app.security import Forms


@dataclass
class Context:
    """The served folder, its images, the templates and the tokens of forms."""

    library: Library
    images: ImageSets
    neighbours: Neighbours
    walks: Walks
    readers: Readers
    forms: Forms
    pages: Pages
    links: NewLinks
    origin: str = ""
    """Start of the addresses that other machines use, as ``http://host:port``."""


def context_of(request: Request) -> Context:
    """Return the context of the app that serves ``request``."""
    return request.app.state.context
