"""The public releases that ``--data NAME:DIR`` reads."""

from __future__ import annotations

from pathlib import Path

from fewray.data.manifest import Manifest
from fewray.data.releases import (
    chexpert,
    covid_radiography,
    covidx,
    ieee8023,
    kermany,
    medmnist,
    nih,
    padchest,
    rsna_pneumonia,
    siim,
    vindr_cxr,
)
from fewray.data.releases.layout.collect import Request, collect
from fewray.data.releases.layout.listing import Release
from fewray.errors import InputError

MODULES = (
    nih,
    chexpert,
    padchest,
    rsna_pneumonia,
    vindr_cxr,
    siim,
    kermany,
    covidx,
    covid_radiography,
    ieee8023,
    medmnist,
)
RELEASES: dict[str, Release] = {module.RELEASE.name: module.RELEASE for module in MODULES}


def is_release(source: str) -> bool:
    """Whether a data source is ``NAME:DIR`` with the name of a release."""
    name, colon, _ = source.partition(":")
    return bool(colon) and name.lower() in RELEASES


def place_of(source: str) -> Path:
    """Return the folder or file of ``NAME:DIR``."""
    return Path(source.partition(":")[2].strip())


def load_release(request: Request, option: str = "--data") -> Manifest:
    """Return the data set of ``NAME:DIR``.

    Raises InputError ``release_folder`` if the folder is not there, and for what its reader and
    :func:`collect` refuse.
    """
    release, place = RELEASES[request.source.partition(":")[0].lower()], place_of(request.source)
    is_file = release.argument != "DIR"
    named = bool(request.source.partition(":")[2].strip())
    if not named or not (place.is_file() if is_file else place.is_dir()):
        raise InputError(
            "release_folder",
            f"{option} {request.source}: {'file' if is_file else 'folder'} not found; expected "
            f"{release.name}:{release.argument}. fewray downloads nothing: get the release from "
            f"{release.address}.",
            address=release.address,
        )
    return collect(release, release.read(place), request)


def known_releases() -> list[dict[str, str]]:
    """Return the name, argument, description, licence and address of each release."""
    return [
        {
            "name": release.name,
            "source": f"{release.name}:{release.argument}",
            "what": release.what,
            "licence": release.licence,
            "address": release.address,
        }
        for release in RELEASES.values()
    ]
