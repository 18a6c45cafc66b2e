"""Draws contact sheets, maps, walks and families as pictures and animations.

    import phosphene
    from phosphene import render

    with phosphene.open("photos.lib") as library:
        hits = library.search("a boat", 20)
        render.search_sheet(hits, library.picture, title="a boat").save("boats.png")

        render.draw_map(library.map(), library.thumbnails).save("map.png")

        ends = ("a house", "a boat")
        stops = library.walk(*ends)
        render.walk_sheet(stops, ends, library.picture).save("walk.png")
        render.walk_film(stops, library.picture).save("walk.webp")

        shown = library.show(hits[0].image.id)
        render.family_sheet(shown, library.picture).save("family.png")

These functions take results and a function that opens pictures. They return pictures of Pillow, and need
no library. `phosphene.render.page` makes an HTML page, and `phosphene.render.terminal` shows pictures in
a terminal.
"""

from phosphene.render.animation import Film, animate, crossfade, noising
from phosphene.render.explored import clusters_sheet, outliers_sheet, unique_sheet
from phosphene.render.map import draw_map
from phosphene.render.overlay import mask_overlay
from phosphene.render.results import copies_sheet, family_sheet, generated_sheet, grid_sheet, search_sheet
from phosphene.render.sheet import contact_sheet
from phosphene.render.tiles import OpenImage, Tile
from phosphene.render.walk import FILM_SIDE, walk_film, walk_sheet

__all__ = [
    "FILM_SIDE",
    "Film",
    "OpenImage",
    "Tile",
    "animate",
    "clusters_sheet",
    "contact_sheet",
    "copies_sheet",
    "crossfade",
    "draw_map",
    "family_sheet",
    "generated_sheet",
    "grid_sheet",
    "mask_overlay",
    "noising",
    "outliers_sheet",
    "search_sheet",
    "unique_sheet",
    "walk_film",
    "walk_sheet",
]
