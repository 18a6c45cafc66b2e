"""Compiles filters to SQL for LanceDB.

SQL cannot fold letters, so a word is looked for as a regular expression with everything that folds to each of
its letters. Rust's expressions take linear time, whatever they are.
"""

from collections.abc import Collection
from unicodedata import normalize

from phosphene.filters import And, Compare, Comparison, Equals, Filter, HasWords, In, Not, Or
from phosphene.folding import unfolded
from phosphene.store.filterable import checked, kinds, lists

MARKS = r"'\p{Mn}+', '', 'g'"  # nonspacing marks, which folding drops
NO_LETTER = r"[^\p{L}\p{N}]"


def condition(where: Filter) -> str:
    """A filter as SQL. Raises QueryError for a comparison that no image allows."""
    return _sql(checked(where))


def among(ids: Collection[str]) -> str:
    """The condition that the id is one of these."""
    return _sql(In("id", frozenset(ids))) if ids else "false"


def begins(field: str, start: str) -> str:
    """The condition that a text begins like this."""
    return f"starts_with({field}, {_quoted(start)})"


def _sql(where: Filter) -> str:
    if isinstance(where, And):
        return " AND ".join(map(_sql, where.filters)) or "true"
    if isinstance(where, Or):
        return f"({' OR '.join(map(_sql, where.filters))})" if where.filters else "false"
    if isinstance(where, Not):
        return f"({_sql(where.filter)}) IS NOT TRUE"  # with SQL's NOT, rows without a value would not match
    return _comparison(where)


def _comparison(where: Comparison) -> str:
    if isinstance(where, HasWords):
        return " AND ".join(_has_word(where.field, word) for word in sorted(where.words))
    if isinstance(where, Compare):
        return _compare(where)
    if where.field in lists():
        return f"array_has_any({where.field}, [{_listed(where)}])"
    return f"{where.field} IN ({_listed(where)})"


def _listed(where: Equals | In) -> str:
    values = where.values if isinstance(where, In) else [str(where.value)]
    return ", ".join(map(_quoted, sorted(values)))


def _compare(where: Compare) -> str:
    if kinds()[where.field] != "time":
        return f"{where.field} {where.operator} {where.value!r}"
    # Another program may have written a text that is not a time, and CAST would fail.
    return f"TRY_CAST({where.field} AS TIMESTAMP(6)) {where.operator} {_quoted(str(where.value))}"


def _has_word(field: str, word: str) -> str:
    text = f"array_to_string({field}, ' ')" if field in lists() else field
    text = f"regexp_replace({text}, {MARKS})"
    for bases, letters in unfolded().items():
        if len(bases) > 1 and bases in word:
            text = f"regexp_replace({text}, '[{letters}]', '{bases}', 'g')"
    return f"regexp_like({text}, '(^|{NO_LETTER}){''.join(map(_letter, word))}($|{NO_LETTER})')"


def _letter(letter: str) -> str:
    """An expression for a letter: itself, the letters that fold to it, or the parts that compose it."""
    parts = normalize("NFD", letter)
    composed = f"[{letter}{unfolded().get(letter, '')}]"
    if len(parts) == 1:
        return composed
    return f"({composed}|{normalize('NFC', parts[:-1])}{parts[-1]}|{parts})"


def _quoted(text: str) -> str:
    """The text as a SQL string. Its quotes are doubled, and no other character is special."""
    return "'" + text.replace("'", "''") + "'"
