"""fewray: do synthetic images help your X-ray classifier? Not for clinical use.

>>> import fewray
>>> data = fewray.load_dataset("phantom:size=64,train=8,test=2")
>>> len(data.where(split="train"))
32
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fewray.api import (
        analyse_reader_study,
        compare_quality,
        generate,
        load_dataset,
        measure_quality,
        new_reader_study,
        run_study,
        train_generator,
    )

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "analyse_reader_study",
    "compare_quality",
    "generate",
    "load_dataset",
    "measure_quality",
    "new_reader_study",
    "run_study",
    "train_generator",
]


def __getattr__(name: str) -> Any:
    """Load a public function when it is first used, so that ``import fewray`` stays quick."""
    if name in __all__:
        from fewray import api

        return getattr(api, name)
    raise AttributeError(f"module 'fewray' has no attribute {name!r}")
