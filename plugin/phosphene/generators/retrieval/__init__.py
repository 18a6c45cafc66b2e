"""The built-in generator: a small retrieval-augmented latent diffusion pipeline."""
