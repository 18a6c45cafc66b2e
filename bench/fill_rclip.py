"""Let rclip index a folder with a model that costs nothing. `peers.py` runs this in rclip's environment.

python fill_rclip.py PICTURES DATA_FOLDER
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from rclip.db import DB
from rclip.main import RClip
from rclip.model import Model

RANDOM = np.random.default_rng(0)


class FreeModel(Model):  # type: ignore[misc]  # mypy runs where rclip is not
    """rclip's model with random vectors for pictures."""

    def _run_visual(self, batch: Any, *, for_indexing: bool = False) -> Any:
        return RANDOM.standard_normal((len(batch), self.VECTOR_SIZE), dtype=np.float32)


def main(pictures: str, data: str) -> None:
    database = DB(Path(data, "db.sqlite3"))
    rclip = RClip(FreeModel(), database, indexing_batch_size=8, exclude_dirs=None)
    rclip.ensure_index(pictures)
    rclip.close()
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
