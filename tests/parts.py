"""Parts of a real machine that some tests need. Tests are skipped or fail if a part is missing."""

import os

import pytest


def need(part: str, there: bool, how: str) -> None:
    """Skip a test whose part is missing, or fail it if PHOSPHENE_REQUIRE names the part."""
    if there:
        return
    if part in os.environ.get("PHOSPHENE_REQUIRE", "").split(","):
        pytest.fail(f"{part} is required and not here: {how}")
    pytest.skip(f"needs {part}: {how}")
