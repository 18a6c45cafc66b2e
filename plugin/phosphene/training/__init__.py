"""The trainings of small networks on anybody's pictures: a CLIP, and the networks of a generator."""
