"""Conformance suites: the tests that every implementation of a seam passes. They need pytest."""
