"""Add a folder of pictures to a library and search it by words.

python examples/search.py LIBRARY FOLDER "a red house"
"""

import sys
from pathlib import Path

import phosphene


def main(library: str, folder: str, query: str) -> None:
    """Print the five pictures nearest to the query."""
    with phosphene.open(library, create=True, model="landscape") as opened:
        opened.add([Path(folder)])
        for hit in opened.search(query, count=5):
            print(f"{hit.score:.3f}  {opened.where(hit.image)}  {hit.image.caption}")


if __name__ == "__main__":
    main(*sys.argv[1:])
