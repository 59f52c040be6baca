"""Compiled SQL statements that run directly on the driver's cursor.

SQLAlchemy composes and compiles. Between its cache and the driver it then spends some 80 µs a
statement on parameters, events and results, where SQLite takes 5 to 20. A statement object that is
executed a second time counts as reusable: from then on only its values change.
"""

from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, Dialect, SelectBase, TextClause, UpdateBase
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

_LONGEST_LIST = 16_384
"""Longest list parameter; SQLAlchemy writes out longer ones.

One statement serves all lists up to a power of two. SQLite takes 32,766 values.
"""

_LONG = 100
"""Values from which a list makes a new statement worth compiling."""
_ROWS_AT_ONCE = 1_000
_PLACE = "?"
"""Placeholder of a value in SQLite's driver."""

Processor = Callable[[Any], Any] | None
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
_Value = tuple[str, Any, Processor, bool]
"""A parameter: name, default, bind processor, and whether a list."""

_Text = tuple[str, list[_Value], list[str] | None]
"""A statement's SQL, ordered parameters, and their driver names if any."""


class Rows:
    """Result rows of an SQL statement, with methods like SQLAlchemy's result."""

    __slots__ = ("_cursor", "_make")

    def __init__(self, cursor: Any, make: Callable[[Any], Any]) -> None:  # noqa: ANN401
        self._cursor = cursor
        self._make = make

    @property
    def rowcount(self) -> int:
        """Number of rows that the SQL statement changed."""
        return int(self._cursor.rowcount)

    def __iter__(self) -> Iterator[Any]:
        # psycopg's iterator costs a call a row, as much as the row itself.
        while rows := self._cursor.fetchmany(_ROWS_AT_ONCE):
            yield from map(self._make, rows)

    def all(self) -> list[Any]:
        """Return every row of the statement's result."""
        return list(map(self._make, self._cursor.fetchall()))

    def scalars(self) -> Iterator[Any]:
        """Return the first value of every row."""
        return (row[0] for row in self)

    def first(self) -> Any | None:  # noqa: ANN401 - a row
        """Return the first row, or None."""
        row = self._cursor.fetchone()
        self._cursor.close()
        return None if row is None else self._make(row)

    def one(self) -> Any:  # noqa: ANN401 - a row
        """Return the only row.

        Raises:
            LookupError: there is no row, or more than one.
        """
        rows = self.all()
        if len(rows) != 1:
            raise LookupError(f"a statement that answers one row answered {len(rows)}")
        return rows[0]

    def scalar(self) -> Any:  # noqa: ANN401 - a value
        """Return the first value of the first row, or None."""
        row = self.first()
        return None if row is None else row[0]

    def scalar_one(self) -> Any:  # noqa: ANN401 - a value
        """Return the first value of the only row."""
        return self.one()[0]


class Prepared:
    """An SQL statement compiled for one database dialect.

    Args:
        statement: SQLAlchemy statement.
        dialect: dialect of the database.
        names: names of its parameters.
        many: whether it runs for many rows at once.
    """

    def __init__(self, statement: Any, dialect: Dialect, names: Sequence[str], *, many: bool) -> None:  # noqa: ANN401
        is_write = isinstance(statement, UpdateBase)
        options: dict[str, Any] = {"column_keys": list(names), "for_executemany": many} if is_write else {}
        self._dialect = dialect
        self._compiled: SQLCompiler = statement.compile(dialect=dialect, **options)
        self._types = _types(statement, self._compiled)
        self._values = {name: self._value(bind) for bind, name in self._compiled.bind_names.items()}
        self._lists = [value for value in self._values.values() if value[3]]
        self._texts: dict[tuple[int, ...], _Text] = {}
        self._make: Callable[[Any], Any] | None = None
        self._known = False
        self.runs = not (self._compiled.literal_execute_params or _has_defaults(self._compiled))

    def _value(self, bind: BindParameter[Any]) -> _Value:
        kind: TypeEngine[Any] = bind.type.dialect_impl(self._dialect)
        fixed = None if bind.required else bind.effective_value
        return bind.key, fixed, kind.bind_processor(self._dialect), bind in self._compiled.post_compile_params

    def run(self, driver: Any, parameters: Parameters) -> Rows | None:  # noqa: ANN401
        """Run the compiled SQL statement, unless a list is empty or huge.

        Args:
            driver: connection of the driver, or PostgreSQL's pipeline, which waits for a result when it is
                read.
            parameters: values by name; a list of these for many rows.

        Returns:
            The result; None if SQLAlchemy must run the statement.
        """
        if isinstance(parameters, Sequence):
            if len(parameters) > 1:
                return self._run_many(driver, parameters)
            parameters = parameters[0]
        values: Mapping[str, Any] = parameters or {}
        lists = tuple([_padded(len(_raw(value, values))) for value in self._lists])
        if lists and not 0 < min(lists) <= max(lists) <= _LONGEST_LIST:
            return None
        text, places, names = self._texts.get(lists) or self._text(lists)
        cursor = driver.cursor()
        cursor.execute(text, _bound(places, names, values))
        return self._answer(cursor)

    def _run_many(self, driver: Any, rows: Sequence[Mapping[str, Any]]) -> Rows | None:  # noqa: ANN401
        if self._lists:
            return None
        text, places, names = self._texts.get(()) or self._text(())
        cursor = driver.cursor()
        cursor.executemany(text, [_bound(places, names, row) for row in rows])
        return Rows(cursor, tuple)

    def _text(self, lists: tuple[int, ...]) -> _Text:
        """Compile the SQL statement for list parameters of given lengths."""
        compiled_text = self._texts[lists] = self._spread_out(lists) or self._expanded(lists)
        return compiled_text

    def _spread_out(self, lists: tuple[int, ...]) -> _Text | None:
        """Derive long-list SQL from the SQL for lists of one value.

        None if the placeholders cannot be told apart. SQLAlchemy takes ten milliseconds to write a list of
        some thousand names.
        """
        if not lists or set(lists) == {1} or self._compiled.positiontup is None:
            return None
        ones = (1,) * len(lists)
        text, values, _ = self._texts.get(ones) or self._text(ones)
        pieces = text.split(_PLACE)
        if len(pieces) != len(values) + 1:
            return None
        sizes = dict(zip((value[0] for value in self._lists), lists, strict=True))
        placeholders = (", ".join(_PLACE * sizes.get(value[0], 1)) for value in values)
        return pieces[0] + "".join(map("".join, zip(placeholders, pieces[1:], strict=True))), values, None

    def _expanded(self, lists: tuple[int, ...]) -> _Text:
        """Let SQLAlchemy compile the SQL statement for given list lengths."""
        compiled = self._compiled
        text, order = str(compiled), list(compiled.positiontup or self._values)
        expanded: Mapping[str, list[str]] = {}
        if lists:
            sizes = zip(self._lists, lists, strict=True)
            defaults = {value[0]: None for value in self._values.values()}
            state = compiled.construct_expanded_state(
                {**defaults, **{value[0]: [None] * length for value, length in sizes}}
            )
            text, expanded = state.statement, state.parameter_expansion
            order = list(state.positiontup or self._values)
        # A list expands to one name for each value; its first name stands for all.
        list_by_first_name = {names[0]: name for name, names in expanded.items()}
        later_names = {name for names in expanded.values() for name in names[1:]}
        order = [list_by_first_name.get(name, name) for name in order if name not in later_names]
        names: list[str] | None = None
        if compiled.positiontup is None:
            names = [name for listed in order for name in expanded.get(listed, [listed])]
        return text, [self._values[name] for name in order], names

    def _answer(self, cursor: Any) -> Rows:  # noqa: ANN401
        if not self._known:
            if cursor.description is not None:
                self._make = _maker(cursor.description, self._types, self._dialect)
            # Set last, so that a concurrent thread does not return rows without names.
            self._known = True
        return Rows(cursor, self._make or tuple)


class Statements:
    """Cache of compiled SQL statements of one database dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: WeakKeyDictionary[Any, dict[tuple[Any, ...], Prepared]] = WeakKeyDictionary()

    def expect(self, statement: Any) -> None:  # noqa: ANN401
        """Treat an SQL statement as reusable before its first execution."""
        self._known.setdefault(statement, {})

    def prepared(self, statement: Any, parameters: Parameters) -> Prepared | None:  # noqa: ANN401
        """Return the compiled form of an SQL statement that is worth compiling.

        It is if the statement was executed before or has a long list.

        Returns:
            None if SQLAlchemy has to run the statement.
        """
        many = isinstance(parameters, Sequence) and len(parameters) > 1
        rows = parameters if isinstance(parameters, Sequence) else [parameters or {}]
        values = rows[0] if rows else {}
        variants = self._known.get(statement)
        if variants is None:
            if not isinstance(statement, SelectBase | UpdateBase | TextClause):
                return None
            variants = self._known[statement] = {}
            # SQLAlchemy takes longer to write out such a list than compiling takes here.
            if not any(_is_long(value) for value in values.values()):
                return None
        variant = (many, *values)
        compiled = variants.get(variant)
        if compiled is None:
            compiled = variants[variant] = Prepared(statement, self._dialect, list(values), many=many)
        return compiled if compiled.runs else None


_STATEMENTS_BY_DIALECT: dict[str, Statements] = {}


def get_shared_statements(dialect: Dialect) -> Statements:
    """Return the compiled statements that databases of one kind share.

    A process compiles a statement once, however many indexes it opens.

    Args:
        dialect: dialect of a database that is connected.
    """
    return _STATEMENTS_BY_DIALECT.setdefault(dialect.name, Statements(dialect))


def _is_long(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, Collection) and not isinstance(value, str | bytes) and len(value) >= _LONG


def _raw(value: _Value, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
    return values.get(value[0], value[1])


def _bound(
    places: Sequence[_Value], names: Sequence[str] | None, values_by_name: Mapping[str, Any]
) -> list[Any] | dict[str, Any]:
    """Return SQL parameters as the driver takes them, ordered or by name."""
    values: list[Any] = []
    for name, default, processor, is_list in places:
        raw = values_by_name.get(name, default)
        if not is_list:
            values.append(raw if processor is None else processor(raw))
            continue
        items = list(raw) if processor is None else [processor(item) for item in raw]
        # Padding with the last value keeps the number of different statements small.
        values += items
        values += items[-1:] * (_padded(len(items)) - len(items))
    return values if names is None else dict(zip(names, values, strict=True))


def _padded(length: int) -> int:
    return length if length < 2 else 1 << (length - 1).bit_length()  # noqa: PLR2004


def _types(statement: Any, compiled: SQLCompiler) -> list[TypeEngine[Any]]:  # noqa: ANN401
    if isinstance(statement, SelectBase):
        return [column.type for column in statement.selected_columns]
    return [column.type for column in compiled.effective_returning or ()]


def _has_defaults(compiled: SQLCompiler) -> bool:
    """Return whether SQLAlchemy would add values itself, such as column defaults."""
    return bool(compiled.insert_prefetch or compiled.update_prefetch)


def _maker(
    description: Sequence[Any], types: Sequence[TypeEngine[Any]], dialect: Dialect
) -> Callable[[Any], Any]:
    shape = namedtuple("Row", [column[0] for column in description], rename=True)  # type: ignore[misc]
    shape._mapping = property(lambda row: row._asdict())  # type: ignore[attr-defined]  # noqa: SLF001
    processors = [
        kind.dialect_impl(dialect).result_processor(dialect, column[1])
        for kind, column in zip(types, description, strict=False)
    ]
    readers = [(place, processor) for place, processor in enumerate(processors) if processor is not None]
    if not readers:
        return shape._make

    def make(row: Sequence[Any]) -> Any:  # noqa: ANN401 - a row
        values = list(row)
        for place, read in readers:
            values[place] = read(values[place])
        return shape._make(values)

    return make
