"""Count the false alarms of the data check, and the planted faults that it finds.

Run `python -m experiments.data_check_faults`, a few minutes. False alarms are counted on covid4 and
on phantoms as they are. Faults are planted in training images of covid4, reduced to at most 256
pixels; each is saved, read back and checked alone. The table of docs/data_check.md is made here
from the committed result.
"""

from __future__ import annotations

import datetime
import platform
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from experiments.provenance import made_by
from fewray.data.audit.check import audit
from fewray.data.audit.inspection import inspect_file
from fewray.data.audit.pictures import image_findings
from fewray.data.audit.polarity import polarity
from fewray.data.loading import load_dataset
from fewray.imaging.decode import decode
from fewray.imaging.depth import PixelScale
from fewray.storage.files import read_json, write_json

RESULT = Path(__file__).parents[1] / "docs" / "results" / "data_check.json"
SOURCES = ("experiments/data_check_faults.py", "src/fewray/data/audit")
PER_CLASS = 30
SIDE = 256
CLEAN = ("covid4", "phantom:size=64", "phantom:size=128")
Grey = np.ndarray
Plant = Callable[[Grey, np.random.Generator], Image.Image]


def _enlarged(side: int) -> Plant:
    def plant(grey: Grey, rng: np.random.Generator) -> Image.Image:
        small = Image.fromarray(grey).resize((side, side), Image.Resampling.BICUBIC)
        return small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)

    return plant


def _lettered(grey: Grey, rng: np.random.Generator) -> Image.Image:
    image = Image.new("L", grey.shape[::-1])
    ImageDraw.Draw(image).text((10, 10), "L", fill=255)
    return image


def _transparent(grey: Grey, rng: np.random.Generator) -> Image.Image:
    image = Image.fromarray(grey).convert("RGBA")
    image.putalpha(0)
    return image


def _mask(grey: Grey) -> Grey:
    return np.where(grey > np.median(grey), 255, 0).astype(np.uint8)


def _levels(grey: Grey, rng: np.random.Generator) -> Image.Image:
    return Image.fromarray((np.digitize(grey, np.quantile(grey, (0.33, 0.67))) * 120).astype("u1"))


def _drawn(draw: Callable[[ImageDraw.ImageDraw, int, int], None]) -> Plant:
    def plant(grey: Grey, rng: np.random.Generator) -> Image.Image:
        image = Image.fromarray(grey).convert("RGB")
        left, top = (int(each) for each in rng.integers(10, 90, 2))
        draw(ImageDraw.Draw(image), left, top)
        return image

    return plant


def _heat(grey: Grey, rng: np.random.Generator) -> Image.Image:
    level = grey.astype(float) / 255
    colours = np.stack([level, np.sin(np.pi * level), 1 - level], -1) * 127 + grey[..., None] / 2
    return Image.fromarray(colours.astype(np.uint8))


FAULTS: dict[str, tuple[str, str, Plant]] = {
    "black": ("blank_images", "png", lambda grey, rng: Image.fromarray(grey * 0)),
    "black but for a letter": ("blank_images", "png", _lettered),
    "black with noise of 0 to 4": (
        "blank_images",
        "png",
        lambda grey, rng: Image.fromarray(rng.integers(0, 5, grey.shape, np.uint8)),
    ),
    "transparent": ("transparent_images", "png", _transparent),
    "a fifth as bright": ("dark_images", "png", lambda grey, rng: Image.fromarray(grey // 5)),
    "12 bits read as 16": (
        "unused_bits",
        "png",
        lambda grey, rng: Image.fromarray(grey.astype(np.uint16) * 16),
    ),
    "a tenth of the contrast": (
        "faint_images",
        "png",
        lambda grey, rng: Image.fromarray(115 + grey // 10),
    ),
    "mask": ("few_grey_levels", "png", lambda grey, rng: Image.fromarray(_mask(grey))),
    "mask as JPEG": ("few_grey_levels", "jpeg", lambda grey, rng: Image.fromarray(_mask(grey))),
    "three grey levels": ("few_grey_levels", "png", _levels),
    "red box, JPEG": (
        "coloured_marks",
        "jpeg",
        _drawn(lambda pen, x, y: pen.rectangle((x, y, x + 90, y + 70), outline=(255, 0, 0))),
    ),
    "cyan date, PNG": (
        "coloured_marks",
        "png",
        _drawn(lambda pen, x, y: pen.text((x, y), "05/03/2020", fill=(0, 220, 220))),
    ),
    "heat map": ("colour_images", "png", _heat),
    "40 x 40 pixels": (
        "smaller_than_training",
        "png",
        lambda grey, rng: Image.fromarray(grey).resize((40, 40), Image.Resampling.BICUBIC),
    ),
    "enlarged from 16 pixels": ("little_detail", "png", _enlarged(16)),
    "enlarged from 24 pixels": ("little_detail", "png", _enlarged(24)),
    "enlarged from 32 pixels": ("little_detail", "png", _enlarged(32)),
    "enlarged from 40 pixels": ("little_detail", "png", _enlarged(40)),
    "unchanged": ("", "png", lambda grey, rng: Image.fromarray(grey)),
}
"""By name: the code expected, the file format, and how the fault is planted."""


def main() -> None:
    """Measure, write the result and print the table."""
    data = load_dataset("covid4").where(split="train")
    images = {}
    for label in data.classes:
        kept = data.where(label=label).rows[:PER_CLASS]
        images[label] = [_reduced(decode(row.path)) for row in kept]
    found = {
        "made_by": made_by(*SOURCES),
        "command": "python -m experiments.data_check_faults",
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "hardware": f"{platform.machine()} CPU",
        "images_per_class": PER_CLASS,
        "clean": {name: alarms(name) for name in CLEAN},
        "planted": planted([image for each in images.values() for image in each]),
        "inverted": inverted(images),
    }
    write_json(RESULT, found)
    print(render())


def _reduced(grey: Grey) -> Grey:
    image = Image.fromarray(grey)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(image)


def alarms(source: str) -> dict[str, Any]:
    """Return the number of images of a data set, and what the check says about it by code."""
    data = load_dataset(source, strict=False)
    loading = {each.code for each in data.warnings}
    found = audit(data)
    said = {each.code: list(each.items) for each in found.findings if each.code not in loading}
    return {"images": len(data), "findings": said}


def planted(images: list[Grey], seed: int = 0) -> dict[str, dict[str, Any]]:
    """Return for each fault how many images it was planted in, and how many were named."""
    table = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (code, suffix, plant) in FAULTS.items():
            rng, said = np.random.default_rng(seed), Counter[str]()
            for grey in images:
                path = Path(folder) / f"image.{suffix}"
                plant(grey, rng).save(path)
                file = inspect_file(path, scale=PixelScale(integers=(0, 65535)))
                said.update([each.code for each in image_findings({"image": file})] or [""])
            others = {key: n for key, n in said.items() if key not in (code, "")}
            table[name] = {
                "code": code,
                "images": len(images),
                "named": said[code] if code else 0,
                "other": others,
            }
    return table


def inverted(images: Mapping[str, list[Grey]]) -> dict[str, dict[str, int]]:
    """Return how many inverted images were named when one, a tenth or half of a class is so."""
    table = {}
    for name, share in (("one image", 0.0), ("a tenth", 0.1), ("a third", 1 / 3)):
        row = Counter[str]()
        for each in images.values():
            small = np.stack([_thumbnail(grey) for grey in each])
            count = max(1, round(share * len(small)))
            for start in range(0, len(small), count):
                which = set(range(start, min(start + count, len(small))))
                changed = small.copy()
                changed[list(which)] = 255 - changed[list(which)]
                found = polarity(changed)
                said = set(found.opposite) if found else set[int]()
                row["inverted"] += len(which)
                row["named"] += len(said & which)
                row["upright"] += len(small) - len(which)
                row["false alarms"] += len(said - which)
        table[name] = dict(row)
    return table


def _thumbnail(grey: Grey) -> Grey:
    return np.asarray(Image.fromarray(grey).resize((32, 32), Image.Resampling.BICUBIC))


def render() -> str:
    """Return the tables of docs/data_check.md."""
    found = read_json(RESULT)
    lines = [f"`{found['command']}`, {found['date']}. As they are:", ""]
    lines += ["| data | images | findings on images |", "| --- | ---: | --- |"]
    for name, each in found["clean"].items():
        said = "; ".join(f"`{code}` {len(items)}" for code, items in each["findings"].items())
        lines.append(f"| `{name}` | {each['images']} | {said or 'none'} |")
    lines += ["", "| planted fault | code | images | named | named otherwise |"]
    lines += ["| --- | --- | ---: | ---: | --- |"]
    for name, each in found["planted"].items():
        other = ", ".join(f"`{code}` {count}" for code, count in each["other"].items())
        code = f"`{each['code']}`" if each["code"] else "none"
        lines.append(f"| {name} | {code} | {each['images']} | {each['named']} | {other} |")
    lines += ["", "| inverted in each class | inverted | named | upright | false alarms |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    for name, each in found["inverted"].items():
        numbers = (each[key] for key in ("inverted", "named", "upright", "false alarms"))
        lines.append(f"| {name} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
