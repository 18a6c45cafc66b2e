"""The images and the plain store of `phosphene.testing`, under a short name."""

from phosphene.testing.example_images import SPACE, Oracle, image, made, vectors_like_embeddings

__all__ = ["SPACE", "Oracle", "image", "made", "vectors_like_embeddings"]
