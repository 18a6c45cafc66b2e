"""Conformance suites: the tests that every implementation of a seam passes, for pytest.

They need the extra `testing`, which installs pytest. Without it, importing this package raises
MissingExtraError.
"""

from phosphene import extras

extras.require("testing")
