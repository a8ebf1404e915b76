"""A complete study.json of the trial protocol, its figures drawn by a seed. Invented test data, never a result."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from fewray.config import ClassifierOptions, CrossvalOptions, GanOptions
from fewray.results.crossval import CrossvalStudy

CLASSES = ("covid", "normal", "pneumonia_bac", "pneumonia_vir")
COUNTS = (69, 79, 79, 79)
ARMS = {
    "no_augmentation": (0, "the real images alone"),
    "classic": (1, "small affine and intensity changes, no flip"),
    "oversample": (1, "real images repeated"),
    "mixup": (1, "mixtures of two real images and their labels"),
    "pca": (1, "samples of a Gaussian on principal components, a class at a time"),
    "synthetic": (1, "images of the generators"),
    "classic+synthetic": (2, "both"),
    "shuffled": (1, "images of the generators with shuffled labels (negative control)"),
}
SHIFT = {"no_augmentation": -0.03, "classic": 0, "oversample": -0.025, "mixup": 0.005, "pca": -0.01, "synthetic": 0.015,
         "classic+synthetic": 0.03, "shuffled": -0.11}  # fmt: skip
FINAL = {
    "loss_d": (0.3, 1.2),
    "loss_g": (1, 4),
    "d_x": (0.6, 0.9),
    "d_g_z1": (0.1, 0.4),
    "d_g_z2": (0.05, 0.2),
}
CLASS_CENTRES = {"sensitivity": 0.75, "specificity": 0.9, "ppv": 0.76, "f1": 0.75, "auroc": 0.91}


def crossval_study(
    seed: int = 0, *, k: int = 4, repeats: int = 1, seeds: int = 3, **changes: Any
) -> CrossvalStudy:
    """Return the study with ``changes`` to its fields.

    Differences are the arms' accuracies minus the reference's; folds add up to all images.
    """
    rng = np.random.default_rng(seed)
    effects = rng.normal(0, 0.035, k * repeats)
    arms = {name: _arm(rng, name, effects.reshape(repeats, k), seeds) for name in ARMS}
    study: dict[str, Any] = {
        "protocol": "crossval",
        "preset": "standard",
        "data": {
            "name": f"invented test data, seed {seed}",
            "origin": "real",
            "classes": CLASSES,
            "display_names": {"covid": "COVID-19", "pneumonia_bac": "bacterial pneumonia"},
            "counts": dict(zip(CLASSES, COUNTS, strict=True)),
            "images": sum(COUNTS),
            "patients": 288,
            "patients_known": "all",
            "sha256": "0123456789abcdef" * 4,
        },
        "conclusion": {
            "reference": "classic",
            "verdicts": [
                {"arm": arm, "verdict": "no_evidence", "text": f"Invented verdict on {arm}."}
                for arm in ("synthetic", "classic+synthetic")
            ],
        },
        "warnings": [
            {"code": "invented", "text": "These numbers are invented for tests."},
            {
                "code": "shortcut",
                "text": "File metadata identifies COVID-19.",
                "classes": ["covid"],
            },
        ],
        "reference": "classic",
        "comparisons": _comparisons(rng, arms),
        "descriptive": [
            {"arm": "synthetic", "other": "pca", "difference": 0.0251, "ci": [-0.0149, 0.0651]}
        ],
        "arms": arms,
        "sensitivity": {
            "paper-classic": _block(
                rng, arms, ("synthetic",), "the paper's classic augmentation", "paper-classic"
            ),
            "ratio 2": _block(
                rng, arms, ("synthetic", "classic+synthetic"), "two images per real image"
            ),
        },
        "subsets": {
            "without covid": _block(rng, arms, ("no_augmentation", "synthetic"), images=237),
            "pneumonia_bac:pneumonia_vir": _block(rng, arms, ("synthetic",), images=158),
        },
        "external": {
            "name": "invented other hospital",
            "own_test_split": False,
            "images": 120,
            "networks": k * repeats,
            "accuracy": (accuracy := {name: _scored(rng, 0.6) for name in ARMS}),
            "comparisons": {
                name: _compared({"accuracy": found}, {"accuracy": accuracy["classic"]}, 0.04)
                for name, found in accuracy.items()
                if name != "classic"
            },
        },
        "audit": {
            "majority_class_rate": 79 / 306,
            "models": {
                name: {
                    "description": f"invented view: {name}",
                    "accuracy": accuracy,
                    "auroc": {label: _drawn(rng, 0.6, 0.89) for label in CLASSES},
                    "identified": ["covid"] if name == "metadata" else [],
                }
                for name, accuracy in (
                    ("metadata", 0.7683),
                    ("thumbnail", 0.6905),
                    ("border", 0.6345),
                    ("centre removed", 0.6465),
                )
            },
        },
        "seeds": list(range(seeds)),
        "folds": [_fold(repeat, fold, k) for repeat in range(repeats) for fold in range(k)],
        "merged_patients": [["person8", "person9"]],
        "generators": {
            label: {
                "recipe": "fast",
                "recipes": {"fast": k * repeats},
                "generators": k * repeats,
                "epochs": 40,
                "steps": 1400,
                "images_seen": 22400,
                "final": {name: _drawn(rng, *ends) for name, ends in FINAL.items()},
            }
            for label in CLASSES
        },
        "selections": [],
        "rejected_copies": {
            label: {"kept": 240, "rejected": int(rng.integers(0, 30))} for label in CLASSES
        },
        "bootstrap_draws": 1000,
        "history": [],
        "options": CrossvalOptions(
            gan=GanOptions(fit="pad"),
            classifier=ClassifierOptions(fit="pad", batch_size=64, steps=300),
        ),
        "provenance": {
            "versions": {"python": "3.11", "fewray": "0.1.0", "torch": "2.9"},
            "device": "cpu",
            "precision": "bf16",
            "threads": 1,
            "keys": {"folds": "abc123"},
        },
    }
    study["audit"]["models"]["metadata"]["auroc"]["covid"] = 0.98
    built = msgspec.to_builtins(study | changes)
    return msgspec.convert(built, CrossvalStudy)


def changed(study: CrossvalStudy, **parts: dict[str, Any]) -> CrossvalStudy:
    """Return ``study`` with changes to fields of its parts: ``changed(study, data={"origin": ...})``."""
    replaced = {
        name: msgspec.structs.replace(getattr(study, name), **fields)
        if isinstance(getattr(study, name), msgspec.Struct)
        else replace(getattr(study, name), **fields)
        for name, fields in parts.items()
    }
    return msgspec.structs.replace(study, **replaced)


def _drawn(rng: np.random.Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 4)


def _scored(rng: np.random.Generator, centre: float, half: float = 0.05) -> dict[str, Any]:
    value = round(centre + float(rng.uniform(-0.02, 0.02)), 4)
    return {"value": value, "ci": [round(value - half, 4), round(min(1.0, value + half), 4)]}


def _arm(rng: np.random.Generator, name: str, effects: np.ndarray, seeds: int) -> dict[str, Any]:
    accuracy = _scored(rng, 0.765 + SHIFT[name], 0.048)
    wrong = rng.uniform(2, 8, (4, 4)) * (1 - np.eye(4))
    confusion = wrong + np.diag(np.array(COUNTS) - wrong.sum(1))
    ratio, description = ARMS[name]
    return {
        "accuracy": accuracy
        | {
            "by_seed": [
                round(accuracy["value"] + float(rng.normal(0, 0.012)), 4) for _ in range(seeds)
            ],
            "by_fold": [
                [round(accuracy["value"] + float(e + rng.normal(0, 0.015)), 4) for e in part]
                for part in effects
            ],
        },
        "balanced_accuracy": _scored(rng, accuracy["value"]),
        "auroc": _scored(rng, 0.92, 0.03),
        "brier": _scored(rng, 0.33, 0.04),
        "calibration_error": _scored(rng, 0.08, 0.03),
        "per_class": {
            label: {key: _scored(rng, centre, 0.07) for key, centre in CLASS_CENTRES.items()}
            for label in CLASSES
        },
        "confusion": np.round(confusion, 3).tolist(),
        "train_images": 230 * (1 + ratio),
        "steps": 300,
        "description": description,
    }


def _comparisons(rng: np.random.Generator, arms: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in arms:
        if name == "classic":
            continue
        error = _drawn(rng, 0.018, 0.026)
        made[name] = _compared(arms[name], arms["classic"], error) | {
            "p_mcnemar": _drawn(rng, 0.05, 0.9),
            "p_corrected_t": None,
            "minimal_detectable": round(2.8 * error, 4),
            "minimal_detectable_holm": round(3.7 * error, 4),
            "discordance": _drawn(rng, 0.1, 0.2),
            "standard_error": error,
            "df": 287.0,
            "training_share": 0.1,
            "training_df": 8,
            "seed_disagreement": 0.1,
        }
    worst = 0.0
    for rank, name in enumerate(sorted(made, key=lambda arm: made[arm]["p"])):
        worst = max(worst, min(1.0, made[name]["p"] * (len(made) - rank)))
        decided = "helps" if made[name]["difference"] > 0 else "harms"
        verdict = decided if worst < 0.05 else "no_evidence"
        made[name] |= {
            "p_holm": round(worst, 6),
            "verdict": verdict,
            "reason": None,
            "text": f"Invented: {name}.",
        }
    return made


def _compared(arm: dict[str, Any], reference: dict[str, Any], error: float) -> dict[str, Any]:
    difference = round(arm["accuracy"]["value"] - reference["accuracy"]["value"], 4)
    p = math.erfc(abs(difference / error) / math.sqrt(2))
    ends = [round(difference - 1.97 * error, 4), round(difference + 1.97 * error, 4)]
    return {"difference": difference, "ci": ends, "p": round(p, 6)}


def _block(
    rng: np.random.Generator,
    arms: dict[str, Any],
    compared: tuple[str, ...],
    description: str = "",
    reference: str = "primary",
    images: int = 306,
) -> dict[str, Any]:
    found = {name: _scored(rng, arms[name]["accuracy"]["value"]) for name in ("classic", *compared)}
    differences = {
        name: _compared({"accuracy": found[name]}, {"accuracy": found["classic"]}, 0.025)
        for name in compared
    }
    return {
        "description": description,
        "reference": f"classic ({reference})",
        "images": images,
        "accuracy": found,
        "comparisons": differences,
    }


def _fold(repeat: int, fold: int, k: int) -> dict[str, Any]:
    test = [n // k + (fold < n % k) for n in COUNTS]
    groups = 288 // k + (fold < 288 % k)
    return {
        "repeat": repeat,
        "fold": fold,
        "train": sum(COUNTS) - sum(test),
        "test": sum(test),
        "train_patients": 288 - groups,
        "test_patients": groups,
        "counts": {
            label: {"train": n - here, "test": here}
            for label, n, here in zip(CLASSES, COUNTS, test, strict=True)
        },
    }
