"""The figures in order, and what it means that images have more or less of each."""

from __future__ import annotations

from fewray.quality.features.extractor import Figure
from fewray.quality.features.texture.cooccurrence import DISTANCES, FARTHER
from fewray.quality.features.texture.filters import BANDS, SHAPED, SIGMAS, WAVELET_LEVELS

Words = tuple[str, str]
"""Of images that have more of a figure, and of those that have less."""

BRIGHT = ("brighter", "darker")
CONTRAST = ("more contrast overall", "less contrast overall")
VARIED = ("more varied grey levels", "more uniform grey levels")
TAIL = ("a longer bright tail of the histogram", "a longer dark tail of the histogram")
EXTREME = ("more extreme grey levels", "fewer extreme grey levels")
GRAIN = ("finer grain", "coarser grain")
LINKED = ("more dependent neighbouring grey levels", "less dependent neighbouring grey levels")
RELATIVE = ("more contrast for their brightness", "less contrast for their brightness")
DARK = ("more dark areas", "fewer dark areas")
LIGHT = ("more bright areas", "fewer bright areas")
RUNS = ("more varied runs of grey levels", "more uniform runs of grey levels")
SPOTS = ("more dark spots of {} px", "more bright spots of {} px")
SPARSE = ("sparser detail at {} px", "more evenly spread detail at {} px")
AT_SCALE = ("more contrast at {} px", "less contrast at {} px")
STEPS = ("more small steps between grey levels", "fewer small steps between grey levels")
ROUGH = ("rougher at {} px", "smoother at {} px")


def _less(words: Words) -> Words:
    """Return the words of a figure that falls when another rises."""
    return words[1], words[0]


FIRST_ORDER: dict[str, Words] = {
    "mean intensity": BRIGHT,
    "median intensity": BRIGHT,
    "10th intensity percentile": BRIGHT,
    "90th intensity percentile": BRIGHT,
    "root mean square intensity": BRIGHT,
    "intensity variance": CONTRAST,
    "intensity interquartile range": CONTRAST,
    "intensity mean absolute deviation": CONTRAST,
    "intensity robust mean absolute deviation": CONTRAST,
    "intensity median absolute deviation": CONTRAST,
    "intensity coefficient of variation": RELATIVE,
    "intensity quartile coefficient of dispersion": RELATIVE,
    "intensity skewness": TAIL,
    "intensity kurtosis": EXTREME,
    "intensity histogram entropy": VARIED,
    "intensity histogram uniformity": _less(VARIED),
}
COOCCURRENCE: dict[str, Words] = {
    "joint maximum": _less(VARIED),
    "joint average": BRIGHT,
    "joint variance": CONTRAST,
    "joint entropy": VARIED,
    "angular second moment": _less(VARIED),
    "autocorrelation": BRIGHT,
    "correlation": _less(ROUGH),
    "contrast": ROUGH,
    "dissimilarity": ROUGH,
    "difference variance": ROUGH,
    "difference entropy": ROUGH,
    "sum entropy": VARIED,
    "inverse difference": _less(ROUGH),
    "normalised inverse difference": _less(ROUGH),
    "inverse difference moment": _less(ROUGH),
    "normalised inverse difference moment": _less(ROUGH),
    "inverse variance": STEPS,
    "cluster tendency": CONTRAST,
    "cluster shade": TAIL,
    "cluster prominence": CONTRAST,
    "first measure of information correlation": _less(LINKED),
    "second measure of information correlation": LINKED,
}
RUN_LENGTHS: dict[str, Words] = {
    "short runs emphasis": GRAIN,
    "long runs emphasis": _less(GRAIN),
    "low grey level run emphasis": DARK,
    "high grey level run emphasis": LIGHT,
    "short run low grey level emphasis": DARK,
    "short run high grey level emphasis": LIGHT,
    "long run low grey level emphasis": DARK,
    "long run high grey level emphasis": LIGHT,
    "normalised grey level non-uniformity": _less(VARIED),
    "normalised run length non-uniformity": GRAIN,
    "run percentage": GRAIN,
    "grey level variance": CONTRAST,
    "run length variance": _less(GRAIN),
    "run entropy": RUNS,
}


def _figure(name: str, words: Words, pixels: float = 0) -> Figure:
    more, less = (text.format(f"{pixels:g}") for text in words)
    return Figure(name, more, less)


def _cooccurrence() -> list[Figure]:
    return [
        _figure(f"{name}, distance {distance} px", words, distance)
        for distance in DISTANCES
        for name, words in COOCCURRENCE.items()
        if distance == DISTANCES[0] or name in FARTHER
    ]


def _laplacian() -> list[Figure]:
    found = []
    for sigma in SIGMAS:
        name, spot = f"Laplacian of Gaussian, sigma {sigma:g} px", round(2 * 2**0.5 * sigma)
        found.append(_figure(f"energy, {name}", AT_SCALE, spot))
        if sigma in SHAPED:
            found.append(_figure(f"skewness, {name}", SPOTS, spot))
            found.append(_figure(f"kurtosis, {name}", SPARSE, spot))
    return found


def _wavelets() -> list[Figure]:
    found = []
    for level in range(1, WAVELET_LEVELS + 1):
        name, scale = f"Haar wavelet, level {level}", 2**level
        found += [_figure(f"energy, {name}, {band}", AT_SCALE, scale) for band in BANDS]
        if level < WAVELET_LEVELS:
            found.append(_figure(f"kurtosis, {name}", SPARSE, scale))
    return found


FIGURES: tuple[Figure, ...] = (
    *(_figure(name, words) for name, words in FIRST_ORDER.items()),
    *_cooccurrence(),
    *(_figure(name, words) for name, words in RUN_LENGTHS.items()),
    *_laplacian(),
    *_wavelets(),
)
"""All figures, in the order of the features."""
