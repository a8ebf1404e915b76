"""What a reader study found, in sentences: results, limits and the methods paragraph."""

from __future__ import annotations

from collections import Counter

from fewray.results.readers.scores import AveragedAuc, GeneratorComparison, ReaderResults
from fewray.results.scores import Interval, StudyWarning

SMALL, REDUCED = 256, 1024
"""Pixels per side below which readers lack most of what they go by, and some of it."""


def sentences(results: ReaderResults) -> list[str]:
    """Return the findings, one sentence each, the most important first."""
    lines = [_averaged(each, results) for each in results.averaged]
    lines += [_compared(each) for each in results.comparisons]
    between, within = results.between_readers, results.within_readers
    if between.kappa is not None:
        lines.append(
            f"Readers agreed with each other with Fleiss' kappa {between.kappa:.2f}"
            f"{_around(between.ci)} ({between.readers} readers, {between.images} images)."
        )
    if within.kappa is not None:
        same = sum(reader.repeats_same for reader in results.readers)
        lines.append(
            f"Readers called {same} of {within.images} repeated images the same both times "
            f"(Cohen's kappa {within.kappa:.2f}{_around(within.ci)}, readers pooled)."
        )
    return lines


def _averaged(each: AveragedAuc, results: ReaderResults) -> str:
    number = len(results.readers)
    kind = "simulated reader" if results.simulated else "reader"
    who = f"{number} {kind}{'s' if number > 1 else ''}"
    start = (
        f"{each.generator}: {who} distinguished synthetic from real images with AUC {each.auc:.2f}"
    )
    if each.ci is None or each.p is None:
        return f"{start} (0.5 is guessing); no interval ({each.undefined})."
    low, high = each.ci
    start += f" {_text(each.ci)} (0.5 is guessing; {p_text(each.p)})"
    if low > 0.5:
        return f"{start}: readers recognise these images."
    if high < 0.5:
        return f"{start}: worse than guessing, synthetic images looked more real than real ones."
    return f"{start}: not shown to differ from guessing; an AUC up to {high:.2f} is not ruled out."


def _compared(each: GeneratorComparison) -> str:
    start = f"AUC of {each.first} minus AUC of {each.second}: {_signed(each.difference)}"
    if each.ci is None or each.p is None or each.p_holm is None:
        return f"{start}; no interval ({each.undefined})."
    p = p_text(each.p)
    if each.p_holm != each.p:
        p += f", {p_text(each.p_holm)} after Holm's correction"
    start += f" {_text(each.ci, signed=True)} ({p})"
    if each.p_holm >= 0.05:
        return f"{start}: no evidence of a difference."
    easier = each.first if each.difference > 0 else each.second
    return f"{start}: images of {easier} are easier to recognise."


def limits(results: ReaderResults) -> list[StudyWarning]:
    """Return what the results do not show, the most important first."""
    found = []
    size = results.image_size
    if results.simulated:
        text = "the readers were simulated: no person looked at these images"
        found.append(StudyWarning(code="simulated", text=text))
    if size < SMALL:
        text = (
            f"images were shown at {size} x {size} pixels: a radiograph has about 2,000 to 4,000 "
            "pixels per side, and most of what readers go by is gone. Passing this test shows "
            "little; failing it shows that the images are recognised even so"
        )
        found.append(StudyWarning(code="size", text=text))
    elif size < REDUCED:
        text = (
            f"images were shown at {size} x {size} pixels, less than readers use at work: fine "
            "detail that gives synthetic images away may be lost"
        )
        found.append(StudyWarning(code="size", text=text))
    if results.phantom:
        text = 'the "real" images are computer-generated phantoms, not radiographs'
        found.append(StudyWarning(code="phantom", text=text))
    text = (
        "copies of training images pass this test, and so do images of low diversity: it says "
        "nothing about either, nor about the use of the images for training"
    )
    found += [*results.warnings, StudyWarning(code="copies", text=text)]
    return found


def methods(results: ReaderResults) -> str:
    """Return the methods paragraph."""
    options, first = results.options, results.readers[0]
    grades = Counter(reader.grade or "of unknown grade" for reader in results.readers)
    who = ", ".join(f"{n} {grade}" for grade, n in sorted(grades.items()))
    kind = "simulated reader" if results.simulated else "reader"
    kind += "s" * (len(results.readers) > 1)
    generators = len(results.generators)
    of = "" if generators == 1 else f" of each of {generators} generators"
    real = "computer-generated phantom" if results.phantom else "real"
    size = results.image_size
    parts = [
        f"{len(results.readers)} {kind} ({who}) read {first.num_real} {real} and "
        f"{first.num_synthetic // generators} synthetic images{of} at {size} x {size} pixels, one "
        "at a time and in a random order for each reader.",
        f"Images were drawn at random (seed {options['seed']}) with {_classes(results)}, and at "
        "most one real image per patient where patients are known; none was chosen by hand.",
    ]
    if options["num_practice"]:
        parts.append(
            f"Readers first saw {options['num_practice']} other images with answers, for practice."
        )
    if options["seconds"]:
        parts.append(f"The time limit was {options['seconds']:g} seconds per image.")
    parts.append(
        "They called each image real or synthetic with a confidence from 1 to 5, which gives a "
        "ten-step rating."
    )
    if first.repeats:
        parts.append(f"{first.repeats} images were shown twice.")
    parts.append(
        "AUCs are empirical. Intervals of one reader use the variance of DeLong et al. (1988) on "
        "the logit scale; those of shares are Wilson's (1927)."
    )
    if len(results.readers) > 1:
        parts.append(
            "AUCs were averaged over readers by the method of Obuchowski and Rockette (1995), with "
            "readers and images as random effects, jackknife covariances and the degrees of "
            "freedom of Hillis (2007). The interval is on the logit scale."
        )
        if generators > 1:
            parts.append(
                "Generators were compared as modalities that share the real images; p-values of "
                "several comparisons were corrected after Holm (1979)."
            )
    agreement = []
    if len(results.readers) > 1:
        agreement.append("Fleiss' kappa (1971), with the variance of Gwet (2008), between readers")
    if first.repeats:
        agreement.append("Cohen's kappa (1960) within readers")
    if agreement:
        parts.append(f"Agreement is {' and '.join(agreement)}.")
    return " ".join(parts)


def _classes(results: ReaderResults) -> str:
    """Return how many images of each class were read, of real images and of each generator."""
    counts = Counter((image.generator, image.label) for image in results.images)
    by_source = {
        source: [counts[source, label] for label in results.classes]
        for source in (None, *results.generators)
    }
    names = [results.display_names.get(label, label) for label in results.classes]
    if all(len(set(each)) == 1 for each in by_source.values()):
        return f"equal numbers of {_listed(names)}"
    listed = {
        source: ", ".join(f"{n} {name}" for n, name in zip(each, names, strict=True))
        for source, each in by_source.items()
    }
    if len(set(listed.values())) == 1:
        synthetic = "synthetic images" + " of each generator" * (len(listed) > 2)
        return f"unequal classes ({listed[None]}, among the real and among the {synthetic})"
    each = "; ".join(f"{source or 'real images'}: {text}" for source, text in listed.items())
    return f"unequal classes ({each})"


def p_text(p: float) -> str:
    """Return a p-value as text."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _text(interval: Interval, *, signed: bool = False) -> str:
    low, high = interval
    return f"[{_signed(low)}, {_signed(high)}]" if signed else f"[{low:.2f}, {high:.2f}]"


def _around(interval: Interval | None) -> str:
    """Return the interval of a kappa after it, or that there is none."""
    return ", no interval" if interval is None else f" {_text(interval)}"


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"  # adding 0 turns -0 into 0


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
