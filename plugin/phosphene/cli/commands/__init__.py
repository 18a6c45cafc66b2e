"""The commands, a file for each. None imports another: what they share lies in `phosphene.cli`."""
