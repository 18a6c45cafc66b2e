"""The built-in world: drawn landscapes, their captions, and the weights that were trained on them."""
