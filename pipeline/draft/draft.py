"""Makes the draft: reads samples, decides, writes the YAML and tries it on the samples."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modules import formats
from modules.beam import errors
from pipeline.draft import (
    columns,
    derived,
    merging,
    policies,
    proposals,
    reading,
    roles,
    samples,
    sources,
    tables,
    trial,
    words,
    writer,
)

_GENERIC = words.split_words(  # names that say nothing of a data set
    "events ratings interactions u transactions clicks behaviors reviews data raw csv parquet json "
    "train dataset datasets input inputs ev part-0"
)
_KEYED_ROWS = 500_000  # of users and items, so that their ids are all known


def make(
    files: Sequence[str],
    given: Mapping[str, str],
    name: str | None,
    folder: str,
    config: str,
) -> str:
    """The YAML for some files.

    Args:
      files: files, folders and globs.
      given: a file by `events`, `users` and `items`, where the command line says so.
      name: of the data set; None: from the files.
      folder: where the YAML will lie; paths are relative to it where they were given so.
      config: the YAML's name in the commands that come next.

    Raises:
      errors.DataError: the files cannot be used; the message names the file and the remedy.
    """
    read = merging.merged([reading.read(source) for source in _sources(files)])
    found = [tables.candidate(sample) for sample in read]
    said = {table: tables.candidate(_one(path, table)) for table, path in given.items()}
    assigned = tables.assign([*said.values(), *found], said)
    assigned = _with_all_keys(assigned)
    events = assigned.events
    roles.require(
        events.roles, events.sample.path, events.columns, events.sample.unsure.get("rows")
    )
    assigned = derived.with_derived(assigned)
    draft = proposals.Draft(
        name or _name(assigned.events.sample.path),
        tuple(_tables(assigned, folder)),
        tuple(policies.policies(assigned)),
        _notes(assigned),
    )
    return _tried(draft, assigned, config)


def _sources(files: Sequence[str]) -> list[sources.Source]:
    """The tables that the arguments name; parts of one that a shell listed are put together."""
    found = [source for file in files for source in sources.find(file)]
    single = {source.files[0]: source for source in found if source.path == source.files[0]}
    groups = [group for group in sources.together(single) if len(group) > 1]
    parts = {file for group in groups for file in group}
    return [
        *(source for source in found if source.path not in parts),
        *(sources.merged([single[file] for file in group]) for group in groups),
    ]


def _notes(found: tables.Tables) -> tuple[str, ...]:
    """About the files that are not used; what may be a mistake is marked and comes last."""
    notes = [(why, f"Not used: {path}; {why.text}.") for path, why in found.unused.items()]
    plain = (note for why, note in notes if not why.is_unsure)
    return (*plain, *(f"{writer.MARK} {note}" for why, note in notes if why.is_unsure))


def _one(path: str, table: str) -> samples.Sample:
    found = merging.merged([reading.read(source) for source in sources.find(path)])
    if len(found) > 1:
        raise errors.DataError(
            f"--{table} {path}: found several tables: {', '.join(s.path for s in found[:5])}. "
            "Give one file, or a glob of one table's files."
        )
    return found[0]


def _with_all_keys(found: tables.Tables) -> tables.Tables:
    """The same with users and items that are read further, if a sample did not hold all."""
    changed: dict[str, Any] = {}
    for name in ("users", "items"):
        key: tables.Key | None = getattr(found, name)
        if key is None or key.candidate.sample.is_whole or len(key.candidate.sample.files) > 1:
            continue
        source = sources.find(key.candidate.sample.path)[0]
        more = tables.candidate(reading.read(source, _KEYED_ROWS))
        changed[name] = dataclasses.replace(key, candidate=more)
    return dataclasses.replace(found, **changed)


def _tables(found: tables.Tables, folder: str) -> Iterator[proposals.Table]:
    yield proposals.Table(
        "events",
        _seen(found.events.sample),
        (*_keys(found.events.sample, folder), *policies.rules(found.events)),
        columns.of_events(found.events, _elsewhere(found)),
    )
    for name, key in (("users", found.users), ("items", found.items)):
        if key is not None:
            sample = key.candidate.sample
            needed = policies.without_id(key.candidate, [key.column])
            seen, keys = _seen(sample), tuple(_keys(sample, folder))
            if key.is_derived:
                seen = f"from the events' file: these columns are the same for each {name[:-1]}"
                keys = tuple(
                    dataclasses.replace(line, reason="", unsure=None)
                    for line in _keys(found.events.sample, folder)
                )
            yield proposals.Table(name, seen, (*keys, *needed), columns.of_table(key, name))


def _elsewhere(found: tables.Tables) -> set[str]:
    """The columns of the events' file that are read as those of its users and items."""
    return {
        name
        for key in (found.users, found.items)
        if key is not None and key.is_derived
        for name in key.candidate.columns
        if name != key.column
    }


def _seen(sample: samples.Sample) -> str:
    """How many rows were looked at."""
    if sample.is_whole:
        return f"{sample.sampled:,} rows"
    about = "" if sample.format == "parquet" else "about "  # which says it
    of = f" of {about}{sample.rows:,}" if sample.rows else ""
    first = f", of the first of {len(sample.files):,} files" if len(sample.files) > 1 else ""
    return f"{sample.sampled:,} rows{of} were looked at{first}"


def _keys(sample: samples.Sample, folder: str) -> Iterator[proposals.Line]:
    """The keys that say how a table's files are read."""
    unsure = sample.unsure
    path = sample.path
    if "://" not in path and not os.path.isabs(path):
        path = os.path.relpath(path, folder)
    yield proposals.Line("path", path, "", unsure.get("rows"))
    ending = formats.ending(sample.files[0])
    if ending is None or ending.format != sample.format:
        yield proposals.Line("format", sample.format, "by what is in the file, not by its name")
    if sample.format == "csv":
        assert sample.delimiter is not None
        if sample.delimiter != formats.default_delimiter("csv", sample.files[0]):
            word = {text: word for word, text in formats.DELIMITERS.items()}
            yield proposals.Line("delimiter", word.get(sample.delimiter, sample.delimiter))
        if not sample.quote and len(sample.delimiter) == 1:
            yield proposals.Line("quote", formats.NO_QUOTE, "quotes are letters")
        if sample.escape:
            yield proposals.Line("escape", sample.escape, r"a quote inside quotes is written \"")
    if sample.encoding != "utf-8":
        yield proposals.Line("encoding", sample.encoding, "", unsure.get("encoding"))
    if sample.list_column is not None:
        yield proposals.Line("list_column", sample.list_column, "one row a user, events in lists")
    if not sample.has_header:
        if sample.layout is not None:
            yield proposals.Line("header", sample.names, f"no line has names: {sample.layout.what}")
        else:
            doubt = unsure.get("header")
            yield proposals.Line(
                "header",
                sample.names,
                "",
                "no line has names; these are made up, and the roles below go by the values"
                + (f" ({doubt})" if doubt else ""),
            )


def _name(path: str) -> str:
    """A data set's name, from that of its events' file or folder."""
    parts = os.path.abspath(path).split(os.sep)
    stems = [part.split(".")[0].lower() for part in reversed(parts)]
    speaking = (s for s in stems if any(part not in _GENERIC for part in words.parts(s)))
    base = next(speaking, stems[0])
    return re.sub(r"[^a-z0-9_]+", "-", base).strip("-_") or "data"


def _tried(draft: proposals.Draft, found: tables.Tables, config: str) -> str:
    """The text of a draft, with marks where its own samples are not read by it."""
    text = writer.text(draft, config)
    by_table = {"events": found.events.sample}
    for name, key in (("users", found.users), ("items", found.items)):
        if key is not None:
            by_table[name] = key.candidate.sample
    failed = {(f.table, f.column): f for f in trial.failures(trial.load(text), by_table)}
    if not failed:
        return text
    marked = tuple(
        dataclasses.replace(
            table,
            columns=tuple(
                dataclasses.replace(line, unsure=_doubt(failed[table.name, line.key]))
                if (table.name, line.key) in failed
                else line
                for line in table.columns
            ),
        )
        for table in draft.tables
    )
    return writer.text(dataclasses.replace(draft, tables=marked), config)


def _doubt(failure: trial.Failure) -> str:
    rows = f"{failure.count:,} sampled {'row is' if failure.count == 1 else 'rows are'}"
    return f"{rows} not read by this: {failure.message}"
