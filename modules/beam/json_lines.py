"""Reads JSON lines: an object a line, one a row, or one a user with a list of event objects.

A key may be absent where it has no value. A column whose key none of the first objects has is
refused all the same: it is misspelt, or says nothing to a model.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam
import orjson

from modules import strict
from modules.beam import files, nested, rows, streams, text
from modules.beam.cells import shown

_LOOKED_AT = 10_000  # objects of a file in which a column has to be found
_FILES_LOOKED_AT = 10  # that the table has beside a file which lacks a key
_BIG = float(2**63)  # from here on, orjson makes a float of a whole number


@beam.typehints.with_input_types(rows.File)
@beam.typehints.with_output_types(rows.Row)
class JsonRows(text.TextRows):
    """The rows in a file's objects; counts blank lines and empty lists."""

    def setup(self) -> None:
        super().setup()
        self._sources = self._columns.sources
        self._located = self._columns.locate(self._sources)
        self._getters = [nested.getter(source) for source in self._sources]
        column = self._table.list_column
        self._list = nested.getter(column) if column else None
        self._wrong: dict[int, ValueError | None] = {}

    def read(self, number: int, start: int, stop: int) -> Iterator[Any]:
        with self.opened(number, max(0, start - 1)) as (read, first):
            position = first
            if (wrong := self._wrong_keys(number)) is not None:
                if start == 0:
                    yield self.problem((number, position, 0), wrong, refuses_file=True)
                return
            folders = self.partitions(number)
            lines = streams.lines(read)
            if start > 0:  # the line over the border belongs to the range before
                position += len(next(lines, b""))
            read_rows: list[tuple[files.Place, list[Any]]] = []
            for line in lines:
                if position >= stop:
                    break
                for found in self._rows_of(line, (number, position), folders):
                    if isinstance(found, beam.pvalue.TaggedOutput):
                        yield found
                    else:
                        read_rows.append(found)
                position += len(line)
                if len(read_rows) >= text.BATCH:
                    yield from self._made_of(read_rows)
                    read_rows = []
            yield from self._made_of(read_rows)

    def _made_of(self, read_rows: list[tuple[files.Place, list[Any]]]) -> Iterator[Any]:
        places, cells = [place for place, _ in read_rows], [cells for _, cells in read_rows]
        return self.made_all(places, self._located, cells)

    def _rows_of(
        self, line: bytes, at: tuple[int, int], folders: Mapping[str, str | None]
    ) -> Iterator[tuple[files.Place, list[Any]] | beam.pvalue.TaggedOutput]:
        """The places and cells of the rows in a line, or what is wrong with it."""
        if not line.strip():
            self._blank.inc()
            return
        try:
            rows_of = self._cells(parse(line, self._table.encoding), folders)
            if any(float in map(type, cells) and _may_be_rounded(cells) for cells in rows_of):
                rows_of = self._cells(parse_exactly(line, self._table.encoding), folders)
        except ValueError as error:
            yield self.problem((*at, 0), error)
            return
        for element, cells in enumerate(rows_of, start=0 if self._list is None else 1):
            yield (*at, element), cells

    def _cells(self, found: dict[str, Any], folders: Mapping[str, str | None]) -> list[list[Any]]:
        """The cells of each row in an object."""
        around = [get(found) for get in self._getters]
        if folders:
            around = [
                folders.get(source) if cell is None else cell
                for source, cell in zip(self._sources, around)
            ]
        if self._list is None:
            return [around]
        structs = self._list(found)
        if structs is None or structs == []:
            self._empty.inc()
            return []
        return [
            [
                get(struct) if nested.has(struct, source) else cell
                for get, source, cell in zip(self._getters, self._sources, around)
            ]
            for struct in self._objects(structs)
        ]

    def _objects(self, structs: Any) -> list[dict[str, Any]]:
        column = self._table.list_column
        if not isinstance(structs, list):
            raise ValueError(  # noqa: TRY004 (of the data)
                f"'{column}' (list_column) is {_kind(structs)}, expected a list of objects. Found "
                f"{shown(structs)}; correct list_column, or remove it."
            )
        for element, struct in enumerate(structs, start=1):
            if not isinstance(struct, dict) and struct is not None:
                raise ValueError(
                    f"element {element} of '{column}' (list_column) is {_kind(struct)}, expected "
                    f"an object. Found {shown(struct)}."
                )
        return [struct or {} for struct in structs]

    # --- keys that no object has ---

    def _wrong_keys(self, number: int) -> ValueError | None:
        """What is wrong with the keys of a file, looked at once."""
        if number not in self._wrong:
            try:
                self._wrong[number] = None
                self._check_keys(number)
            except ValueError as error:
                self._wrong[number] = error
        return self._wrong[number]

    def _check_keys(self, number: int) -> None:
        """Refuses a file in whose first objects, and in those of other files, a column is missing.

        Raises:
          ValueError: names the column and what is there.
        """
        column = self._table.list_column
        folders = self.partitions(number)
        wanted = {*self._sources, *([column] if column else [])} - set(folders)
        others = [at for at in range(len(self._listing.paths)) if at != number]
        known: dict[str, None] = {}
        for at in (number, *others[:_FILES_LOOKED_AT]):
            known |= self._names(at, wanted)
            if wanted <= set(known):
                return
            if not known:
                return  # the first lines are no objects, as each of them says
        if column and column not in known:
            raise ValueError(
                f"no key '{column}', which data.{self._listing.table}.list_column names; found "
                f"{', '.join(known)}.{strict.nearest(column, known)}"
            )
        header = [*known, *folders]
        missing = next(source for source in self._sources if source not in header)
        self._columns.locate(header, self._remedy(missing, header))

    def _names(self, number: int, wanted: set[str]) -> dict[str, None]:
        """The sources in the first objects of a file, until all that are wanted are there."""
        known: dict[str, None] = {}
        with self.opened(number, 0) as (read, _):
            for line in itertools.islice(streams.lines(read), _LOOKED_AT):
                with contextlib.suppress(ValueError):
                    found = parse(line, self._table.encoding)
                    known |= dict.fromkeys(nested.names(found))
                    if self._list is not None:
                        known |= dict.fromkeys(nested.names(self._list(found)))
                    if wanted <= set(known):
                        break
        return known

    @staticmethod
    def _remedy(missing: str, known: list[str]) -> str:
        """What to do about a column that is not there; empty: nothing is known."""
        inner = next((name for name in known if name.endswith(f".{missing}")), None)
        if inner is not None:
            outer = inner.removesuffix(f".{missing}")
            return (
                f"It lies in '{outer}': set list_column: {outer} if that is the list of a table's "
                f"rows, else source: {inner}."
            )
        if difflib.get_close_matches(missing, known, n=1):
            return ""
        return (
            f"Correct its source, or leave the column out: none of the first {_LOOKED_AT:,} "
            "objects has it."
        )


def parse(line: bytes, encoding: str = "utf-8") -> dict[str, Any]:
    """The object in a line.

    Raises:
      ValueError: there is none.
    """
    try:
        codec = streams.codec(encoding)
        found = orjson.loads(line if codec == "utf-8" else line.decode(codec))
    except ValueError:
        return parse_exactly(line, encoding)
    return _object(found)


def parse_exactly(line: bytes, encoding: str = "utf-8") -> dict[str, Any]:
    """The object in a line, more slowly: with whole numbers of any size, NaN, or as Python's dict.

    Raises:
      ValueError: there is none.
    """
    try:
        content = line.decode(streams.codec(encoding)).strip()
    except UnicodeDecodeError:
        raise ValueError(streams.undecodable(line, encoding)) from None
    try:
        found = json.loads(content)
    except json.JSONDecodeError as error:
        found = _python_dict(content)
        if found is None:
            raise ValueError(
                f"not JSON ({error.msg} at position {error.pos + 1}). Found "
                f"{shown(content)}; each line has to be an object, such as "
                '{"user": 1}; correct or remove it.'
            ) from None
    except ValueError:  # of Python's own limit
        raise ValueError(
            "not JSON that is read: a whole number of thousands of digits. Correct it, or write "
            "it as a text."
        ) from None
    except RecursionError:
        raise ValueError("not JSON that is read: lists or objects are nested too deep.") from None
    return _object(_without_halves(found) if "\\ud" in content.lower() else found)


def _object(found: Any) -> dict[str, Any]:
    if isinstance(found, dict):
        return found
    raise ValueError(
        f'found {_kind(found)}, expected an object, such as {{"user": 1}}. It is {shown(found)}.'
    )


def _kind(value: Any) -> str:
    """What a value is, the same for all of a kind, so that they are one cause."""
    if value is None or isinstance(value, bool):
        return "true, false or null"
    names: dict[type, str] = {str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")


def _python_dict(content: str) -> Any:
    """What Python's repr of a dict holds, as older data sets have it; None: it is no such text."""
    if not content.startswith("{"):
        return None
    with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        return ast.literal_eval(content)
    return None


def _without_halves(value: Any) -> Any:
    """A value whose texts have U+FFFD in place of halves of surrogate pairs, which are no text."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_halves(element) for element in value]
    if isinstance(value, dict):
        return {key: _without_halves(inner) for key, inner in value.items()}
    return value


def _may_be_rounded(cells: list[Any]) -> bool:
    """Whether orjson may have made a float of a whole number with more digits than it holds."""
    return any(type(cell) is float and not -_BIG < cell < _BIG for cell in cells)
