"""Drawn landscapes: from a seed a scene, from a scene a picture, five captions and exact labels.

    scene = compose(7)
    draw(scene, 256).save("7.png")
    captions(scene)[-1].text

The built-in model learns from these pictures, and since the labels are exact, what a caption names
can be counted in what a search finds. Same seed, same pixels. Imports only numpy and Pillow.
"""

from phosphene.landscape.scenes.captions import Caption, captions
from phosphene.landscape.scenes.drawing import draw
from phosphene.landscape.scenes.scene import SEEDS, Place, Scene, Thing, compose, labels
from phosphene.landscape.scenes.writing import write

__all__ = ["SEEDS", "Caption", "Place", "Scene", "Thing", "captions", "compose", "draw", "labels", "write"]
