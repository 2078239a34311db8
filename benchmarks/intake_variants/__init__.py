"""Cases for benchmarks/intake.py of the kinds that ../shared/cases/intake has, with other data."""

from __future__ import annotations

import pathlib

import yaml

from benchmarks.intake_variants import (
    ids,
    json_files,
    parquet_files,
    places,
    samples,
    texts,
    times,
    values,
)

_SECTIONS = (
    texts.texts,
    json_files.json_files,
    parquet_files.parquet_files,
    times.times,
    values.numbers,
    ids.ids,
    ids.rules,
    places.places,
)


def write(folder: pathlib.Path) -> dict[str, samples.Expected]:
    """Writes all variants, a folder each, and returns what has to become of them."""
    found = [variant for section in _SECTIONS for variant in section()]
    for name, contents, data, _ in found:
        place = folder / name
        for path, content in contents.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(content.encode() if isinstance(content, str) else content)
        plain = {"name": "variant", "data": data}
        (place / "c.yaml").write_text(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    return {name: expected for name, _, _, expected in found}
