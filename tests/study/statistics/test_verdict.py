"""The verdict: its code, its reason and its sentence."""

import pytest

from fewray.results.names import ARM_NAMES, VERDICT_NAMES, arm_name, sentence_case
from fewray.study.crossval.design import ARMS
from fewray.study.statistics.compare import Comparison
from fewray.study.statistics.verdict import Verdict, VerdictCode, decide


def comparison(**changed: object) -> Comparison:
    values = {
        "difference": -0.029, "ci": (-0.064, 0.005), "p": 0.1, "p_mcnemar": 0.6, "p_corrected_t": 0.7,
        "minimal_detectable": 0.05, "minimal_detectable_holm": 0.076, "discordance": 0.1,
        "standard_error": 0.016, "df": 200.0, "training_share": 0.1, "training_df": 8, "seed_disagreement": 0.2,
    }  # fmt: skip
    return Comparison(**{**values, **changed})


ONE_SEED = {"training_share": None, "training_df": 0}


@pytest.mark.parametrize(
    ("changed", "p_holm", "quick", "code", "reason"),
    [
        ({"difference": 0.06}, 0.01, False, "helps", None),
        ({"difference": -0.06}, 0.01, False, "harms", None),
        ({"difference": 0.06}, 0.05, False, "no_evidence", None),
        ({"difference": 0.06}, 0.01, True, "no_verdict", None),
        ({"difference": 0.06, **ONE_SEED}, 0.01, False, "inconclusive", "one_seed"),
        ({"difference": 0.06, "training_df": 2}, 0.01, False, "inconclusive", "few_training_runs"),
        ({"difference": 0.06, "training_df": 4}, 0.01, False, "helps", None),
        ({"minimal_detectable_holm": 0.11}, 0.5, False, "inconclusive", "low_power"),
        ({"minimal_detectable_holm": 0.10}, 0.5, False, "no_evidence", None),
    ],
)
def test_the_verdict_code_and_its_reason(
    changed: dict[str, object], p_holm: float, quick: bool, code: VerdictCode, reason: str | None
):
    found = decide(comparison(**changed), p_holm, quick=quick)
    assert (found.code, found.reason) == (code, reason)
    assert code in VERDICT_NAMES


def test_no_evidence_is_one_sentence_with_its_numbers():
    assert decide(comparison(), 0.5).sentence("synthetic images") == (
        "Synthetic images: no evidence of benefit (-2.9 points, 95% CI -6.4 to +0.5; "
        "an effect of 7.6 points would have been detected with 80% power)."
    )


@pytest.mark.parametrize(
    ("changed", "p_holm", "quick", "expected"),
    [
        (
            {"difference": 0.06, "ci": (0.02, 0.1)},
            0.01,
            False,
            "evidence of benefit (+6.0 points, 95% CI +2.0 to +10.0).",
        ),
        (
            {"difference": -0.06, "ci": (-0.1, -0.02)},
            0.01,
            False,
            "evidence of harm (-6.0 points, 95% CI -10.0 to -2.0).",
        ),
        (
            {},
            0.01,
            True,
            "-2.9 points (95% CI -6.4 to +0.5). No verdict: the quick preset never gives one.",
        ),
        (
            ONE_SEED,
            0.5,
            False,
            "inconclusive, because one classifier seed does not show how much training varies "
            "(-2.9 points, 95% CI -6.4 to +0.5).",
        ),
        (
            {"training_df": 2},
            0.5,
            False,
            "inconclusive, because there are too few classifier seeds and folds "
            "(-2.9 points, 95% CI -6.4 to +0.5).",
        ),
        (
            {"minimal_detectable_holm": 0.123},
            0.5,
            False,
            "inconclusive (-2.9 points, 95% CI -6.4 to +0.5; "
            "only an effect of 12.3 points or more would have been detected with 80% power).",
        ),
        (
            {"minimal_detectable_holm": 1.0},
            0.5,
            False,
            "inconclusive (-2.9 points, 95% CI -6.4 to +0.5; "
            "no effect size reaches 80% power in this design).",
        ),
    ],
)
def test_the_sentence_of_each_verdict(
    changed: dict[str, object], p_holm: float, quick: bool, expected: str
):
    found = decide(comparison(**changed), p_holm, quick=quick)
    assert found.sentence("mixup") == f"Mixup: {expected}"


def test_an_interval_without_zero_and_a_large_corrected_p_are_explained():
    found = decide(comparison(difference=0.037, ci=(0.008, 0.066)), 0.08).sentence("PCA samples")
    assert "no evidence of benefit after correction for the number of arms (+3.7" in found


def test_tiny_numbers_keep_their_sign():
    found = Verdict(code="no_evidence", difference=0.0, ci=(-4e-5, 4e-5), detectable=0.05)
    assert "(+0.0 points, 95% CI -0.004 to +0.004;" in found.sentence("mixup")


def test_display_names():
    assert set(ARMS) - {"none"} <= set(ARM_NAMES)
    assert arm_name("pca") == "PCA samples"
    assert arm_name("an arm of one's own") == "an arm of one's own"
    assert sentence_case("PCA samples") == "PCA samples"
    assert sentence_case("") == ""
