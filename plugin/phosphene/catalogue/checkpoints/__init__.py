"""Adds and checks checkpoints. That needs their networks, so it lies above the generators."""
