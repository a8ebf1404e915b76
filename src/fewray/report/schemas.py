"""What pages read of the files of a study, as shapes of :mod:`fewray.report.shape`. Files may hold more."""

from __future__ import annotations

from typing import Any

from fewray.report.shape import ANY, ENDS, NUMBER, PAIR, TEXT, Each, Maybe

TEXTS, COUNT = Maybe([TEXT]), Maybe(NUMBER)
SCORE = Maybe({"value": COUNT, "ci": Maybe(ENDS)})


def _counts(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), COUNT)


def _nullable(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), Maybe(NUMBER, there=True))


def _numbers(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), NUMBER)


DIFFERENCE = {"ci": Maybe(ENDS), **_counts("difference p")}
SCORED = Each({"accuracy": Maybe(SCORE.shape, there=True)})
BLOCKS = Maybe(
    Each(
        {
            "rows": COUNT,
            "description": Maybe(TEXT),
            "reference": Maybe(TEXT),
            "arms": SCORED,
            "comparisons": Maybe(Each(Maybe(DIFFERENCE))),
        }
    )
)
PROVENANCE = Maybe(
    {
        "versions": Maybe(Each(TEXT)),
        "device": Maybe(TEXT),
        "precision": Maybe(TEXT),
        "threads": COUNT,
        "keys": Maybe(ANY),
    }
)
LOSSES = "loss_d loss_g d_x d_g_z1 d_g_z2"

TRIAL: dict[str, Any] = {
    "preset": TEXT,
    "answer": TEXT,
    "reference": TEXT,
    "methods": Maybe(TEXT),
    "seeds": [NUMBER],
    "data": {
        "name": TEXT,
        "origin": Maybe(TEXT),
        "classes": [TEXT],
        "counts": Each(NUMBER),
        "rows": NUMBER,
        "groups": NUMBER,
        "patients_known": Maybe({"all", "some", "none"}),
        "warnings": TEXTS,
    },
    "options": {
        "select": Maybe(TEXT),
        "classic": Maybe(
            _numbers(
                "rotation_repeats rotation_degrees translation_repeats translation scale_repeats scale_low scale_high"
            )
            | _numbers("intensity flip_repeats p")
        ),
        "classifier": Maybe(
            {"network": Maybe(TEXT), **_counts("image_size batch_size learning_rate momentum")}
        ),
        **_counts("ratio augmented_copies copy_percentile"),
    },
    "folds": Maybe(
        [
            _numbers("repeat fold train test train_groups test_groups")
            | {"counts": Each({"train": NUMBER, "test": NUMBER})}
        ]
    ),
    "joined_groups": Maybe([[TEXT]]),
    "generators": Maybe(
        Each(
            {
                "recipe": Maybe(TEXT),
                "final": Maybe(_counts(LOSSES)),
                **_counts("epochs steps images_seen"),
            }
        )
    ),
    "rejected": Maybe(Each(_counts("kept rejected"))),
    "chosen": Maybe(
        [{"repeat": NUMBER, "fold": NUMBER, "chosen": ANY, "accuracies": Maybe(Each(ANY))}]
    ),
    "arms": Each(
        {
            "accuracy": {
                "value": COUNT,
                "ci": Maybe(ENDS),
                "by_seed": Maybe([COUNT]),
                "by_fold": Maybe([[COUNT]]),
            },
            **dict.fromkeys(("balanced_accuracy", "auroc", "brier", "calibration_error"), SCORE),
            "per_class": Maybe(Each(Each(SCORE))),
            "confusion": Maybe([[COUNT]]),
            "description": TEXT,
            **_counts("train_images steps"),
        }
    ),
    "score_intervals": Maybe({"draws": COUNT}),
    "comparisons": Maybe(
        Each(
            {"verdict": TEXT, "text": Maybe(TEXT), **DIFFERENCE}
            | _counts(
                "p_holm p_mcnemar p_corrected_t minimal_detectable minimal_detectable_holm discordance"
            )
            | _counts("standard_error df seeds_disagree")
        )
    ),
    "descriptive": Maybe(Each(DIFFERENCE)),
    "sensitivity": BLOCKS,
    "subsets": BLOCKS,
    "external": Maybe({"name": TEXT, "rows": NUMBER, "networks": COUNT, "arms": SCORED}),
    "audit": Maybe(
        {
            "chance": COUNT,
            "models": Maybe(Each({"accuracy": COUNT, "auroc": Maybe(Each(COUNT))})),
            "told_apart": TEXTS,
            "warnings": TEXTS,
        }
    ),
    "provenance": PROVENANCE,
}
"""study.json of the trial, schema 3."""

PUBLISHED: dict[str, Any] = {
    "preset": TEXT,
    "answer": TEXT,
    "seeds": [NUMBER],
    "data": {
        "name": TEXT,
        "origin": Maybe(TEXT),
        "classes": [TEXT],
        "counts": Each(Each(NUMBER)),
        "warnings": TEXTS,
    },
    "options": {"published_passes": ANY, "seed": ANY},
    "generators": Maybe(
        Each({"recipe": TEXT, "folder": TEXT, "sha256": TEXT, "final": _nullable(LOSSES)}
             | _nullable("epochs steps images_seen num_train classic_images"))
    ),
    "quality": Maybe({"classes": Each({}), "pooled": {}}),
    "arms": Each(
        {
            "train_counts": Each(_numbers("real classic synthetic")),
            "steps": NUMBER,
            "runs": [{"accuracy": NUMBER, "published": {"accuracy": NUMBER}}],
            "accuracy": {"wilson": PAIR, **_nullable("sd"), **_numbers("mean min max n_test")},
            "confusion_mean": [[NUMBER]],
            "table4": {
                "published": Each(_nullable("accuracy sensitivity specificity f1_published")),
                "correct": Each(_nullable("accuracy sensitivity specificity ppv f1")),
                "published_accuracy": NUMBER,
                "published_sd": Maybe(Each(Maybe(Each(COUNT)))),
                "correct_sd": Maybe(Each(Maybe(Each(COUNT)))),
            },
        }
    ),
    "paper": {"placement": Each({"rank_text": TEXT})},
    "mixtures": Maybe([_nullable("accuracy_sd") | _numbers("synthetic classic seeds accuracy_mean")]),
    "provenance": {"versions": Each(TEXT), "device": ANY, "precision": ANY, "threads": ANY},
}  # fmt: skip
"""study.json of the published protocol, schema 2; ``quality`` is not looked into further."""


def published_classes(classes: list[str]) -> dict[str, Any]:
    """Return what study.json of the published protocol must hold of every class."""
    every = dict.fromkeys(classes, ANY)
    return {
        "data": {"counts": Each(every)},
        "arms": Each({"table4": {"published": every, "correct": every}}),
    }


TIMING = {"seconds": COUNT, "host": Maybe(TEXT), "started": Maybe(TEXT), "generators": Maybe(TEXT)}
RUN = {"commands": [TEXT], "hardware": TEXT, "date": TEXT, "notes": TEXTS}
"""What a study cannot know of itself, written by hand beside it."""

TRAINING = {
    "gan": {"recipe": TEXT},
    "data": TEXT,
    "classes": [TEXT],
    "precision": TEXT,
    "threads": NUMBER,
    "seed": NUMBER,
}
"""options.json of a folder of generators."""
LAST_ROW = dict.fromkeys(("epoch", "epochs", "step", "images_seen", "seconds"), NUMBER)
"""Of stats.jsonl."""
