"""How the metrics of synthetic images are called and rounded in tables."""

from __future__ import annotations

METRICS = {
    "fid": ("FID", 1),
    "kid_mean": ("KID", 3),
    "is_mean": ("IS", 2),
    "precision": ("prec.", 2),
    "recall": ("recall", 2),
    "density": ("dens.", 2),
    "coverage": ("cover.", 2),
    "ms_ssim": ("MS-SSIM", 3),
    "auth_pct": ("auth. %", 0),
}
"""By key of quality.json: name and digits."""
