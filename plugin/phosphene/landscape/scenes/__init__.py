"""Draws landscapes: a seed gives a scene, and a scene gives a picture, five captions and exact labels.

    scene = compose(7)
    draw(scene, 256).save("7.png")
    captions(scene)[-1].text

The built-in models learn from these pictures. Because the labels are exact, one can count how much of a
caption the results of a search really show. The same seed always gives the same pixels. Only numpy and Pillow
are needed.
"""

from phosphene.landscape.scenes.captions import Caption, captions, vocabulary
from phosphene.landscape.scenes.drawing import draw
from phosphene.landscape.scenes.scene import SEEDS, Place, Scene, Thing, compose, labels
from phosphene.landscape.scenes.writing import write

__all__ = [
    "SEEDS",
    "Caption",
    "Place",
    "Scene",
    "Thing",
    "captions",
    "compose",
    "draw",
    "labels",
    "vocabulary",
    "write",
]
