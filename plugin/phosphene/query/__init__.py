"""Queries: what a user looks for, or wants to see generated. `parser` says how they are written."""

from phosphene.query.parser import Query, Term, as_query, parse

__all__ = ["Query", "Term", "as_query", "parse"]
