"""Filters inside a query: what they mean, how they are written again, and errors that name the place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle import made
from phosphene.errors import FilterError, QueryError
from phosphene.filters import EVERYTHING, GENERATED, IMPORTED, Compare, Equals, Filter, HasWords, Not, any_of
from phosphene.query import Query, Term, parse, parse_terms, parse_where
from phosphene.store.filterable import kinds

ID = made(1)[0].id


def words(field: str, *found: str) -> Filter:
    return HasWords(field, frozenset(found))


def created(*bounds: tuple[str, str]) -> list[Filter]:
    return [Compare("created", sign, f"{time}T00:00:00Z") for sign, time in bounds]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("width>=1024", [Compare("width", ">=", 1024)]),
        ("width<1024.5", [Compare("width", "<", 1024.5)]),
        ("width:640", [Compare("width", ">=", 640), Compare("width", "<=", 640)]),
        ("width=640..", [Compare("width", ">=", 640)]),
        ("width:..640", [Compare("width", "<=", 640)]),
        ("height:-2..3", [Compare("height", ">=", -2), Compare("height", "<=", 3)]),
        ("created:2024", created((">=", "2024-01-01"), ("<", "2025-01-01"))),
        ("created:2024..2025", created((">=", "2024-01-01"), ("<", "2026-01-01"))),
        ("created:2024-12", created((">=", "2024-12-01"), ("<", "2025-01-01"))),
        ("created:2024-02-28..2024-02", created((">=", "2024-02-28"), ("<", "2024-03-01"))),
        ("created>2024-02", created((">=", "2024-03-01"))),
        ("created<=2024-02", created(("<", "2024-03-01"))),
        ("created<2024-02", created(("<", "2024-02-01"))),
        ("created>=2024-05-31T18:30+02:00", [Compare("created", ">=", "2024-05-31T18:30:00+02:00")]),
        ('caption:"Red house, É"', [words("caption", "red", "house", "e")]),
        ("caption=red", [words("caption", "red")]),
        (r'caption:"a \"red\" \\ one"', [words("caption", "a", "red", "one")]),
        ("-caption:red", [Not(words("caption", "red"))]),
        ("caption:red,blue", [any_of(words("caption", "red"), words("caption", "blue"))]),
        ("origin:generated", [GENERATED]),
        ("origin:imported", [IMPORTED]),
        (f"id:{ID}", [Equals("id", ID)]),
        ("uri:/home/me/a.jpg", [Equals("uri", "/home/me/a.jpg")]),
        ("width:1.. height:2..", [Compare("width", ">=", 1), Compare("height", ">=", 2)]),
    ],
)
def test_a_filter_is_a_field_an_operator_and_a_value(text: str, filters: list[Filter]) -> None:
    found = parse_where(text)

    assert list(getattr(found.filter, "filters", [found.filter])) == (
        filters if len(filters) > 1 or not hasattr(filters[0], "filters") else list(filters[0].filters)
    )
    assert found.text == text


def test_filters_stand_anywhere_between_the_words() -> None:
    query = parse('width>=640 2:dog on origin:generated a beach + ./a b.jpg -caption:"a b" - trees')

    assert query.terms == (
        Term("text", "dog on a beach", 2.0),
        Term("picture", "./a b.jpg"),
        Term("text", "trees", -1.0),
    )
    assert query.where.text == 'width>=640 origin:generated -caption:"a b"'
    assert query.without_folders == "2:dog on a beach + ./a b.jpg - trees"


@pytest.mark.parametrize(
    "text",
    [
        "16:9 wallpaper",
        "note: a dog",
        "width: a number",
        "width >= 3",
        "style:ukiyo-e",
        "a house http://x",
        "see width://x",
        "a>b c=d",
        "(width:3)",
        "12:30 clock",
        "weight:3",
    ],
)
def test_a_colon_in_normal_words_stays_text(text: str) -> None:
    assert parse(text).where.filter == EVERYTHING
    assert parse(text) == parse_terms(text)


def test_an_id_is_a_term_of_a_query_and_a_filter_of_where() -> None:
    assert parse(f"id:{ID}").terms == (Term("id", ID),)
    assert parse(f"a boat -id:{ID}").where.filter == Not(Equals("id", ID))
    assert parse_where(f"id:{ID}").filter == Equals("id", ID)


def test_a_shell_takes_quotes_away_and_the_words_stay_together() -> None:
    assert parse(["dog", "caption:red house", "x"]) == parse('dog x caption:"red house"')
    assert parse(["width:3 caption:red", "house"]).where.text == "width:3 caption:red"
    assert parse(["caption:red width:3"]).where.text == "caption:red width:3"


def test_the_name_of_an_existing_file_holds_no_filter(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "width:3.jpg").touch()

    assert parse(["width:3.jpg", "height:2.."]) == Query(
        (Term("picture", "width:3.jpg"),), parse_where("height:2..")
    )


def test_a_query_may_be_filters_alone_but_not_negative_terms() -> None:
    assert parse("width:3..").terms == ()
    with pytest.raises(QueryError, match="only negative terms"):
        parse("width:3.. - trees")
    with pytest.raises(QueryError, match="is empty"):
        parse("  ")


@pytest.mark.parametrize(
    ("text", "message", "marked", "hint"),
    [
        ("dog created:2024-13", "`2024-13` is not a time", "2024-13", "2024-05"),
        ("dog created:2024-02-30", "`2024-02-30` is not a time", "2024-02-30", ""),
        ("crated:2024", "no field `crated`", "crated", "did you mean `created`?"),
        ("Width:3", "no field `Width`", "Width", "did you mean `width`?"),
        ("width:wide", "`wide` is not a number", "wide", "`4..5`"),
        ("width:3..x", "`x` is not a number", "3..x", ""),
        ("width:5..3", "`5` is after `3`", "5..3", "width:3..5"),
        ("width:..", "neither a beginning nor an end", "..", ""),
        ("width:1,,2", "empty value", ",", ""),
        ("width:99999999999999999999999", "is not a number", "99999999999999999999999", ""),
        ('a caption:"red', "A quote is not closed", '"', ""),
        ('a caption:re"d', "A quote is not closed", '"', ""),
        ("caption>red", "`caption` is a text", "red", "`caption:red`"),
        ("caption:--", "`--` has no word", "--", ""),
        ("origin:painted", "`painted` is not an origin", "painted", "`imported` or `generated`"),
        ("a -id:123", "`123` is not a whole id", "123", ""),
        ("東京 width:日本", "`日本` is not a number", "日本", ""),
    ],
)
def test_an_error_names_the_place(text: str, message: str, marked: str, hint: str) -> None:
    with pytest.raises(FilterError, match=message) as raised:
        parse(text)

    start, end = raised.value.span
    assert text[start:end] == marked
    assert hint in raised.value.hint


def test_an_error_points_below_the_text() -> None:
    with pytest.raises(FilterError) as raised:
        parse("東京 width:日本")
    assert raised.value.marked == "東京 width:日本\n           ^^^^"

    with pytest.raises(FilterError) as raised:
        parse(f"{'a long ' * 50}\x1b width:x {'walk ' * 50}")
    line, pointer = raised.value.marked.split("\n")
    assert len(line) <= 76
    assert line[pointer.index("^")] == "x"
    assert line.isprintable()


def test_where_takes_filters_alone() -> None:
    with pytest.raises(FilterError, match="`dog` is not a filter") as raised:
        parse_where("width:3 dog")
    assert raised.value.span == (8, 11)
    assert "the fields are id, " in raised.value.hint
    assert parse_where("").filter == EVERYTHING


PARTS = st.one_of(
    st.sampled_from([*kinds(), "dog", "note", "crated", "http://", "2:", "+", "-", "id:", ID]),
    st.sampled_from([":", "=", ">=", "<", ">", "..", ",", '"', "\\", " ", "-", "\t", "(", ")"]),
    st.sampled_from(["2024", "2024-05", "9999", "0000", "-3", "4.5", "red house", "generated", "日本", "é"]),
    st.text(max_size=3),
)


@settings(max_examples=500, deadline=None)
@given(text=st.lists(PARTS, max_size=12).map("".join))
def test_every_text_is_a_query_that_is_written_again_or_an_error_with_a_place(text: str) -> None:
    for read in (parse, parse_where):
        try:
            found = read(text)
        except FilterError as error:
            start, end = error.span
            assert 0 <= start < end <= len(error.text)
            assert error.text == text
            assert error.message.endswith((".", "?"))
        except QueryError:
            pass
        else:
            assert read(str(found) if isinstance(found, Query) else found.text) == found
