"""Releases the models in force for a new catalogue: `recsys refresh-index`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modules import catalogue, config, features, release
from modules.beam import catalogue as catalogue_lib
from modules.beam import causes, files
from modules.beam import check as reading
from pipeline import declared, listed, release_writer, runs
from pipeline.refresh import options

if TYPE_CHECKING:
    from modules.index import additional
    from pipeline.refresh import models, sources

_STEPS = 4
_NAMED = 3  # ids of each kind


class RefreshError(RuntimeError):
    """A catalogue that the models in force cannot take. The message is for a person."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """What became of the items of a release, by id.

    Attributes:
      new: items that it does not have.
      gone: items that it alone has.
      changed: items of both with another title or other features.
      number: items of the new catalogue.
    """

    new: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[str, ...]
    number: int

    def __str__(self) -> str:
        return ", ".join(
            f"{len(ids):,} {what}" + (f" ({_named(ids)})" if ids else "")
            for what, ids in (("new", self.new), ("gone", self.gone), ("changed", self.changed))
        )


def main(
    cfg: config.Config, root: str | pathlib.Path, *, most_gone: float = options.MOST_GONE
) -> release.Manifest | None:
    """Makes the release, puts it in force and says what is in it.

    Args:
      cfg: the data set, and the index.
      root: the folder that holds runs.
      most_gone: the greatest share of the release's items that may be gone.

    Returns:
      The manifest; None where the release in force has this catalogue already.

    Raises:
      RefreshError, declared.OtherColumns, sources.OtherRun, check.RefreshRefused: see there.
      errors.DataError: the tables cannot be used, as `recsys dataset check` says.
      gate.IndexGateError: the index must not be served.
      release.NoRelease, release.ReleaseError, catalogue.CatalogueError: there is no release, or it
          must not be used.
    """
    run = runs.Run(root, cfg.name)
    chosen = release.in_force(run.serving)
    before = catalogue.Catalogue.read(chosen.recall)
    _check(cfg, before.about, chosen)
    with run.locked(), _work(run) as work:
        with _step(1, "the catalogue"):
            rows = _read(cfg.data)
        items = [_item(row, before) for row in rows]
        found = difference(before, items)
        print(f"        {len(items):,} items: {found}", flush=True)
        if not (found.new or found.gone or found.changed):
            print(f"Release {chosen.id} has this catalogue already; nothing is released.")
            return None
        if len(found.gone) > most_gone * len(before.ids):
            raise RefreshError(
                f"data.items: {len(found.gone):,} of the {len(before.ids):,} items of release "
                f"{chosen.id} are gone, which is more than --most-gone {most_gone:g} allows. If "
                "the table is whole, give a greater share."
            )
        if not items:
            raise RefreshError("data.items: the catalogue has no items.")
        made = _release(cfg, run, chosen, before.about, rows, items, found, work)
    print(
        f"Release {made.release} is in force: the models of release {chosen.id} with "
        f"{found.number:,} items. `recsys rollback` goes back."
    )
    return made


def difference(before: catalogue.Catalogue, items: Sequence[catalogue.Item]) -> Difference:
    """Compares a catalogue with that of a release; popularity does not count."""
    new, changed = [], []
    for item in items:
        position = before.position.get(item.item_id)
        if position is None:
            new.append(item.item_id)
        elif not _same(before.item(position), item):
            changed.append(item.item_id)
    gone = set(before.ids) - {item.item_id for item in items}
    return Difference(tuple(sorted(new)), tuple(sorted(gone)), tuple(sorted(changed)), len(items))


def _same(ours: catalogue.Item, theirs: catalogue.Item) -> bool:
    return ours.title == theirs.title and all(
        _alike(value, theirs.features[column]) for column, value in ours.features.items()
    )


def _alike(ours: Any, theirs: Any) -> bool:
    """Whether two values are one, as the catalogue keeps them: numbers are float32."""
    if isinstance(ours, float) and isinstance(theirs, float):
        return bool(np.array_equal(np.float32(ours), np.float32(theirs), equal_nan=True))
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_alike, ours, theirs))
    return bool(ours == theirs)


def _check(cfg: config.Config, about: catalogue.About, chosen: release.Release) -> None:
    """Whether the configuration is such that the release's models fit it."""
    declared.check(cfg.data, about, chosen, ("items", "users", "events"))
    values = {
        "index.k": (cfg.index.k, about.k),
        "index.max_exclusions": (cfg.index.max_exclusions, about.max_exclusions),
        "features.max_history": (cfg.features.max_history, about.max_history),
        "features.timezone": (cfg.features.timezone, about.timezone),
        "features.repeat_history": (cfg.features.repeat_history, about.repeat_history),
        "features.repeat_items": (cfg.features.repeat_items, about.repeat_items),
    }
    for key, (ours, theirs) in values.items():
        if ours != theirs:
            raise RefreshError(
                f"{key}: found {ours!r}, release {chosen.id} was made with {theirs!r}. Give the "
                "configuration of the release, or train with this one: `recsys run`."
            )


def _read(data: config.Data) -> list[dict[str, Any]]:
    """The catalogue's rows as ExampleGen makes them, in the order of the ids."""
    listings = files.list_tables(data)
    with tempfile.TemporaryDirectory() as folder:
        read = catalogue_lib.ReadCatalogue(data, listings)
        (path,), wrong = reading.run(read, (features.SPLIT_CATALOGUE,), folder)
        causes.refuse(wrong, listings)
        with open(path, encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
    return sorted(rows, key=lambda row: row[features.ITEM_ID])


def _item(row: Mapping[str, Sequence[Any]], before: catalogue.Catalogue) -> catalogue.Item:
    """As the release keeps it, with the popularity that the release knows."""
    encoded = {
        name: [v.encode() if isinstance(v, str) else v for v in values]
        for name, values in row.items()
    }
    position = before.position.get(row[features.ITEM_ID][0])
    popularity = 0 if position is None else int(before.popularity[position])
    return catalogue.item_of(encoded, popularity, before.about.data)


def _release(
    cfg: config.Config,
    run: runs.Run,
    chosen: release.Release,
    about: catalogue.About,
    rows: Sequence[Mapping[str, Any]],
    items: Sequence[catalogue.Item],
    found: Difference,
    work: pathlib.Path,
) -> release.Manifest:
    """Makes the models, holds them against the gates, and pushes them."""
    with _step(2, "the models' tables"):
        from pipeline.components import indexer  # TFX, 20 s and more
        from pipeline.refresh import check, models, sources

        given = sources.Sources.of(run, chosen)
        made = models.make(work, given, rows, about.data)
    valid = str(given.examples / f"Split-{features.SPLIT_VALID}")
    with _step(3, "the index"):
        report = indexer.build(
            str(made.trained),
            str(work / "recall"),
            indexer.read_examples(valid),
            data=about.data,
            max_history=about.max_history,
            index=cfg.index,
            more=_more(cfg.index.additional, given, made),
        )
        print(
            f"        {report.settings.body}, recall@{report.k} {report.search.recall:.4f}",
            flush=True,
        )
    with _step(4, "answers of both models"):
        answered = check.check(
            check.Models(work / "recall", made.rank, chosen.rank),
            about,
            indexer.read_examples(valid),
            [item.encode() for item in found.new],
            {item.encode() for item in (*found.new, *found.changed)},
        )
    print("\n".join(_told(answered, found)), flush=True)
    catalogue.write(work / "catalogue", about, items)
    assert chosen.manifest is not None  # else the sources would not have been found
    pushed = release_writer.push(
        run.serving,
        {
            release.RECALL: str(work / "recall"),
            **({release.RANK: str(made.rank)} if made.rank else {}),
        },
        release_writer.Facts.refreshing(chosen.manifest),
        catalogue=str(work / "catalogue"),
    )
    release_writer.prune(run.serving, cfg.releases.keep, spare=chosen.id)
    return pushed


def _more(
    settings: config.Additional, given: sources.Sources, made: models.Made
) -> Callable[[Sequence[bytes]], Sequence[additional.Table]] | None:
    """The tables of additional candidates, in which new items stand nowhere."""
    if settings == config.Additional() or given.statistics is None:
        return None
    from modules.index import additional
    from modules.ranking import tabulate
    from pipeline.components import statistics as component

    counted = tabulate.read(str(given.statistics / component.FINAL))
    return lambda item_ids: additional.tables(
        counted.co_occurrence, counted.similarity, made.vocabulary, item_ids, settings
    )


def _told(answered: Any, found: Difference) -> Iterator[str]:
    """What the models answered, for a person."""
    yield (
        f"        {answered.requests:,} requests: {answered.lists_with_new:,} of recall's lists "
        f"hold new items, {answered.new_listed:,} of the {len(found.new):,}"
    )
    if answered.compared:
        yield (
            f"        {answered.compared:,} scores of items that have not changed are those of "
            "before"
        )


def _named(ids: Sequence[str]) -> str:
    return ", ".join(map(listed.written, ids[:_NAMED])) + (", ..." if len(ids) > _NAMED else "")


@contextlib.contextmanager
def _work(run: runs.Run) -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(dir=run.folder, prefix=".refresh-") as folder:
        yield pathlib.Path(folder)


@contextlib.contextmanager
def _step(number: int, name: str) -> Iterator[None]:
    """Says what goes on, and how long it took."""
    print(f"[{number}/{_STEPS}] {name}", flush=True)
    started = time.monotonic()
    yield
    print(f"        {time.monotonic() - started:.1f} s", flush=True)
