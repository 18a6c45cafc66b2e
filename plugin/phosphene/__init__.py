"""phosphene: a library of pictures that you can search by meaning and generate into.

    import phosphene
    library = phosphene.open("photos.lib")

The names below load on first use, so that `import phosphene` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phosphene.library import Library as Library
    from phosphene.library import open as open

__version__ = "0.1.0"
__all__ = ["Library", "__version__", "open"]


def __getattr__(name: str) -> Any:
    """Load `open` and `Library` when they are first asked for (PEP 562)."""
    if name in ("Library", "open"):
        return getattr(import_module("phosphene.library"), name)
    raise AttributeError(f"module 'phosphene' has no attribute {name!r}")
