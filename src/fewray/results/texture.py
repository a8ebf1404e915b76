"""What a quality report says of textures: the figures in which synthetic and real images differ."""

from __future__ import annotations

from fewray.results.scores import Model


class FigureDifference(Model, frozen=True, kw_only=True):
    """A figure whose mean differs by more than between two halves of the real images."""

    figure: str
    """Its name, after the Image Biomarker Standardisation Initiative."""
    words: str
    """What the synthetic images are or have: "finer grain"."""
    difference: float
    """Mean of synthetic minus mean of real images, in SD of all real images."""
    limit: float
    """Differences up to this are also found between random halves of the real images."""


class TextureDifferences(Model, frozen=True, kw_only=True):
    """How the figures of one class differ; filled by the extractor ``texture`` only."""

    num_figures: int
    num_beyond: int
    """Figures whose difference is beyond its limit."""
    m: int
    """Real images per half."""
    splits: int
    largest: tuple[FigureDifference, ...]
    """The largest of these differences, one for each of a few wordings, largest first."""

    @property
    def text(self) -> str:
        """What differs, in words."""
        halves = f"two random halves of the real images ({self.m} each) do"
        if not self.largest:
            return f"no texture figure differs from the real images by more than {halves}."
        named = "; ".join(
            f"{each.words} ({each.figure}: {each.difference:+.1f} SD, limit {each.limit:.1f})"
            for each in self.largest
        )
        return (
            f"{self.num_beyond} of {self.num_figures} texture figures differ from the real images "
            f"by more than {halves}. Largest differences of the synthetic images: {named}."
        )
