"""Conformance suites: the tests that every implementation of a seam passes, for pytest.

A suite is a class. A package derives its own class from it, and gives it one fixture:

    from phosphene.testing.sources import SourceTests

    class TestPictureBook(SourceTests):
        scheme = "toy"

        @pytest.fixture
        def source(self) -> Source:
            return toy("toy:5")

The suites are `sources.SourceTests`, `embedders.EmbedderTests`, `stores.StoreTests` and
`generators.GeneratorTests`. Each says at its class what its fixture is called and what it returns.

They need the extra `testing`, which installs pytest. Without it, importing this package raises
MissingExtraError.
"""

from phosphene import extras

extras.require("testing")

import pytest  # noqa: E402

# A failing assertion of a suite shows its values, as one in a test file does.
pytest.register_assert_rewrite(
    *(f"{__name__}.{suite}" for suite in ("sources", "embedders", "stores", "generators"))
)
