"""The built-in model: the drawn scenes it learns from, and the training of its two networks."""
