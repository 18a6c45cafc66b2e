"""The patterns of `--include` and `--exclude`, which follow the rules of `.gitignore`.

- A pattern without `/` means files and folders of that name at any depth: `*.png`, `drafts`.
- A pattern with `/` means a path from the folder that the user named: `2024/raw`, `/drafts`, `*/thumbs/`.
- `*` and `?` stand for anything but `/`, `[a-z]` for one of these characters, and `**` for any folders.
- A pattern that means a folder means everything in it. With `/` at its end, it means only folders.

Unlike there, large and small letters are the same, because cameras write `IMG_1.JPG`, and so are the two ways
in which Unicode writes `é`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from unicodedata import normalize

TOKEN = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[!?\]?[^\]/]*\]|.", re.DOTALL)
MEANT = {"**/": "(?:.*/)?", "/**": "/.*", "**": "[^/]*", "*": "[^/]*", "?": "[^/]"}


@dataclass(frozen=True, slots=True)
class Globs:
    """Several patterns, of which one has to match."""

    expression: re.Pattern[str]

    @classmethod
    def of(cls, patterns: Iterable[str]) -> "Globs | None":
        """The patterns, or None if there are none."""
        branches = "|".join(f"(?:{_branch(_spelled(pattern))})" for pattern in patterns)
        return cls(re.compile(branches, re.IGNORECASE | re.DOTALL)) if branches else None

    def match(self, path: str) -> bool:
        """Whether a path, or a folder that it lies in, is meant. The path of a folder ends in `/`."""
        return self.expression.fullmatch(_spelled(path)) is not None


@dataclass(frozen=True, slots=True)
class Choice:
    """What `--include` and `--exclude` leave in."""

    include: Globs | None
    exclude: Globs | None

    @classmethod
    def of(cls, include: Iterable[str], exclude: Iterable[str]) -> "Choice | None":
        """The choice by these patterns, or None if there are none, so that everything is left in."""
        found = cls(Globs.of(include), Globs.of(exclude))
        return None if found == cls(None, None) else found

    def wants(self, path: str) -> bool:
        """Whether a path is left in. It begins at what the user named; a folder's ends in `/`."""
        if self.exclude is not None and self.exclude.match(path):
            return False
        return path.endswith("/") or self.include is None or self.include.match(path)


def _branch(pattern: str) -> str:
    inner = pattern.rstrip("/")
    anywhere = "" if "/" in inner else "(?:.*/)?"
    body = "".join(map(_meaning, TOKEN.findall(inner.lstrip("/"))))
    return f"{anywhere}{body}{'/.*' if pattern.endswith('/') else '(?:/.*)?'}"


def _meaning(token: str) -> str:
    if token in MEANT:
        return MEANT[token]
    if len(token) > 2 and token.startswith("["):
        inner = token[1:-1]
        negated = inner.startswith("!")
        letters = re.sub(r"([\\\[\]^&~|])", r"\\\1", inner[negated:])
        return f"[{'^/' if negated else ''}{letters}]"
    return re.escape(token)


def _spelled(text: str) -> str:
    return text if text.isascii() else normalize("NFC", text)
