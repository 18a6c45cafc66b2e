"""Let clip-retrieval index random vectors. `peers.py` runs this in clip-retrieval's environment.

python fill_clip_retrieval.py PICTURES INDEX_FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow
from clip_retrieval import clip_index
from pyarrow.parquet import write_table

DIMENSION = 512


def main(pictures: str, index: str) -> None:
    """Write what its `inference` would write, and call its `index`."""
    files = sorted(map(str, Path(pictures).rglob("*.jpg")))
    embeddings = Path(index, "embeddings")
    for name in ("img_emb", "metadata"):
        (embeddings / name).mkdir(parents=True)
    vectors = np.random.default_rng(0).standard_normal((len(files), DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.save(embeddings / "img_emb" / "img_emb_0.npy", vectors.astype(np.float16))
    write_table(pyarrow.table({"image_path": files}), embeddings / "metadata" / "metadata_0.parquet")
    clip_index(str(embeddings), index_folder=str(Path(index, "index")))


if __name__ == "__main__":
    main(*sys.argv[1:])
