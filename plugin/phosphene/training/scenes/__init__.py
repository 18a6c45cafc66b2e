from phosphene.training.scenes.drawing import draw
from phosphene.training.scenes.scene import SEEDS, Place, Scene, Thing, compose, labels
