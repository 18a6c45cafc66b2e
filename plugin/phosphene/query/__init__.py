"""Queries: what a user looks for, or wants to see generated.

`parser` says how they are written, and `where` how their filters are. `terms` makes vectors of them, and
`hybrid` joins what is near to these with what has their words.
"""

from phosphene.query.parser import Query, Term, as_query, parse, parse_terms
from phosphene.query.where import Where, as_filter, parse_where

__all__ = ["Query", "Term", "Where", "as_filter", "as_query", "parse", "parse_terms", "parse_where"]
