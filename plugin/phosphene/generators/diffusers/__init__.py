"""Pretrained families of diffusers: Stable Diffusion, Kandinsky, Flux and others, a row of a table each."""
