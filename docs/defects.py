"""Write docs/results/defects.json: which metrics see which planted defect on covid4. `python docs/defects.py`."""

import datetime
import platform
from pathlib import Path

from fewray.data import load_dataset
from fewray.quality.defects import examine
from fewray.quality.features import load_extractor
from fewray.runs import write_json
from fewray.study.judge import image_sets

RESULT = Path(__file__).parent / "results" / "defects.json"


def main() -> None:
    """Measure and write."""
    rows = load_dataset("covid4")
    found = examine(image_sets(rows, rows.classes, 64, "squash"), load_extractor("lite0"))
    found["data"] = f"covid4, all {len(rows)} images, 64 px, squashed"
    found["command"] = "python docs/defects.py"
    found["date"] = datetime.date.today().isoformat()
    found["hardware"] = f"{platform.machine()} CPU"
    write_json(RESULT, found)


if __name__ == "__main__":
    main()
