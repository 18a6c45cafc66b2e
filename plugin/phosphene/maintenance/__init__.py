"""Keeping a library whole: checks, repairs, copies, and pictures whose files are gone."""
