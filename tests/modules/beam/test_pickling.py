"""Everything that Beam sends to workers survives the trip, with either of Beam's picklers."""

from __future__ import annotations

import pathlib
from typing import Any

import dill
import pytest
from apache_beam.internal import cloudpickle_pickler

from modules import config
from modules.beam import (
    catalogue,
    encode,
    files,
    histories,
    identity,
    json_lines,
    parquet,
    problems,
    profile,
    summary,
    text,
)
from tests import tables


def _functions(data: config.Data) -> list[Any]:
    listings = files.list_tables(data)
    return [
        text.DelimitedRows(listings["events"], data.events),
        json_lines.JsonRows(listings["events"], data.events),
        parquet.ReadRows(listings["events"], data.events),
        histories.KeyEvents(data),
        histories.KeyRows(data, data.events, "user_id", ["rating"]),
        histories.MakeWindows(data, config.Split(), config.Features(), config.Ranking().hold_out),
        catalogue.KeyPlaces(),
        catalogue.CountUses(),
        catalogue.MakeItems(data),
        summary.Add(),
        summary.Summarise(data, config.Split(), config.Ranking().hold_out),
        problems.GroupByKind(),
        problems.KeyRefused(identity.of_join(data)),
        profile.Merge(),
        encode.Encode(encode.value_types(data)),
    ]


@pytest.mark.parametrize("pickler", [cloudpickle_pickler, dill])
def test_functions_keep_their_settings(tmp_path: pathlib.Path, pickler: Any) -> None:
    for function in _functions(tables.write(tmp_path)):
        copy = pickler.loads(pickler.dumps(function))
        assert type(copy) is type(function)
        for name in (
            "_data",
            "_split",
            "_max_history",
            "_hold_out",
            "_listing",
            "_listings",
            "_table",
            "_types",
            "_encoding",
        ):
            assert getattr(copy, name, None) == getattr(function, name, None)
