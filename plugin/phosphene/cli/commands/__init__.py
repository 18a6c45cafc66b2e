"""The commands, one in each file. None imports another. What they share is in `phosphene.cli`."""
