"""Conformance suites for pytest, with the tests that every implementation of a seam must pass.

A suite is a class. A package derives its own class from it and adds one fixture:

    from phosphene.testing.sources import SourceTests

    class TestPictureBook(SourceTests):
        scheme = "toy"

        @pytest.fixture
        def source(self) -> Source:
            return toy("toy:5")

The suites are `sources.SourceTests`, `embedders.EmbedderTests`, `stores.StoreTests` and
`generators.GeneratorTests`. The docstring of each class names the fixture and what it returns.

The suites need the extra `testing`, which installs pytest. Without it, importing this package raises
MissingExtraError.
"""

from phosphene import extras

extras.require("testing")

import pytest  # noqa: E402

# pytest shows the values of a failing assertion in a suite, as it does in a test file.
pytest.register_assert_rewrite(
    *(f"{__name__}.{suite}" for suite in ("sources", "embedders", "stores", "generators"))
)
