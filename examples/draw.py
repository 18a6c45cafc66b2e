"""Draw a library: a sheet of hits, a map, a walk and a family of pictures.

python examples/draw.py LIBRARY FOLDER "a red house" "a boat on the sea"
"""

import sys
from pathlib import Path

import phosphene
from phosphene import render


def main(library: str, folder: str, start: str, end: str) -> None:
    """Write the drawings into the folder, which must exist."""
    out = Path(folder)
    with phosphene.open(library) as opened:
        hits = opened.search(start, count=12)
        render.search_sheet(hits, opened.picture, title=start).save(out / "search.png")
        render.draw_map(opened.map(), opened.thumbnails, title="The library").save(out / "map.png")
        stops = opened.walk(start, end, steps=6)
        render.walk_sheet(stops, (start, end), opened.picture).save(out / "walk.png")
        render.walk_film(stops, opened.picture).save(out / "walk.webp")
        shown = opened.show(hits[0].image.id)
        render.family_sheet(shown, opened.picture).save(out / "family.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
