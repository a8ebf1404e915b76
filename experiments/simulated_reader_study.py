"""Let simulated readers answer a reader study, to rehearse it or to show what a result looks like.

    python -m experiments.simulated_reader_study STUDY --readers 5 --auc 0.75 --auc 0.6

Their latent ratings follow Roe & Metz (1997) and do not look at the images: ``--auc`` sets how well
they recognise each generator, in the order in which the generators were given. The results of the
study say that its readers were simulated.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from experiments.simulated_readers import STRUCTURES, separation_of, ten_steps
from fewray.compute.seeds import child_seed
from fewray.readers.invitations import invite_reader
from fewray.readers.session import ReadingSession
from fewray.readers.study import ReaderStudy, open_study
from fewray.results.readers.study import GRADES, Answer, Item


def simulate_readers(
    study: ReaderStudy, readers: int, aucs: list[float], *, structure: str = "HL", seed: int = 0
) -> None:
    """Add ``readers`` simulated readers who answer all images. ``aucs``: one per generator."""
    v = STRUCTURES[structure]
    means = {
        name: separation_of(auc, v) for name, auc in zip(study.file.generators, aucs, strict=True)
    }
    draw = np.random.default_rng(child_seed(seed, "simulated readers"))
    items = sorted(study.file.items, key=lambda item: (item.generator or "", item.sha256))
    looks = np.sqrt(v.image + v.image_modality) * draw.standard_normal(len(items))
    look = {item.id: looks[i] for i, item in enumerate(items)}
    for number in range(readers):
        grade = GRADES[number % 3]
        session = ReadingSession(
            study, invite_reader(study.folder, grade, simulated=True).reader.id
        )
        skill = {
            generator: np.sqrt(v.reader + v.reader_modality) * draw.standard_normal()
            for generator in (None, *study.file.generators)
        }
        own = {item.id: np.sqrt(v.image_reader) * draw.standard_normal() for item in items}
        while (showing := session.next()) is not None:
            item = study.item_of[showing.id]
            latent = means.get(item.generator or "", 0.0) + skill[item.generator]
            latent += look[item.id] + own[item.id] + np.sqrt(v.error) * draw.standard_normal()
            session.answer(_answer(showing.id, int(ten_steps(np.array(latent))), item, draw))


def _answer(showing: str, rating: int, item: Item, draw: np.random.Generator) -> Answer:
    synthetic = rating > 5
    click = {}
    if synthetic and draw.random() < 0.5:
        centre = (0.3, 0.8) if item.synthetic else (0.5, 0.5)
        spread = 0.1 if item.synthetic else 0.25
        x, y = np.clip(draw.normal(centre, spread), 0, 1).tolist()
        click = {"x": x, "y": y}
    confidence = rating - 5 if synthetic else 6 - rating
    ms = int(draw.gamma(4, 1500))
    return Answer(showing=showing, synthetic=synthetic, confidence=confidence, ms=ms, **click)


def main() -> None:
    """Read the command line and simulate."""
    parser = argparse.ArgumentParser(description="Let simulated readers answer a reader study.")
    parser.add_argument("study", type=Path)
    parser.add_argument("--readers", type=int, default=5)
    parser.add_argument("--auc", type=float, action="append", required=True)
    parser.add_argument("--structure", choices=sorted(STRUCTURES), default="HL")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    study = open_study(given.study)
    simulate_readers(study, given.readers, given.auc, structure=given.structure, seed=given.seed)
    print(f"{given.study}: {given.readers} simulated readers answered all images")


if __name__ == "__main__":
    main()
