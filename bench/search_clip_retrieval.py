"""Search with clip-retrieval as its service does. `peers.py` runs this in clip-retrieval's environment.

    python search_clip_retrieval.py INDEX_FOLDER MODEL COUNT WORDS

It has no command for that: `filter` always downloads OpenAI's model, and `back` is a server.
"""

import json
import sys
from pathlib import Path

from clip_retrieval.clip_back import ClipOptions, KnnService, load_clip_indices


def main(index: str, model: str, count: str, words: str) -> None:
    """Print the paths of the nearest pictures."""
    listed = Path(index, "indices.json")
    listed.write_text(json.dumps({"pictures": str(Path(index, "index"))}), encoding="utf-8")
    options = ClipOptions(
        indice_folder="",
        clip_model=model,
        enable_hdf5=False,
        enable_faiss_memory_mapping=True,
        columns_to_return=["image_path"],
        reorder_metadata_by_ivf_index=False,
        enable_mclip_option=False,
        use_jit=False,
        use_arrow=False,
        provide_safety_model=False,
        provide_violence_detector=False,
        provide_aesthetic_embeddings=False,
    )
    service = KnnService(clip_resources=load_clip_indices(str(listed), options))
    found = service.query(
        text_input=words, num_images=int(count), num_result_ids=int(count), deduplicate=False
    )
    for hit in found:
        print(hit["image_path"])


if __name__ == "__main__":
    main(*sys.argv[1:])
