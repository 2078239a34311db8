"""Does `recsys dataset check` read, or refuse, what people have as it should? One line a case.

    python -m benchmarks.intake --output benchmarks/intake.md

A case is a folder with a configuration, c.yaml, and its data. intake_expected.yaml says what has to
become of each folder in `--cases`; benchmarks/intake_variants.py makes more cases of the same kinds
with other data.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import multiprocessing
import pathlib
import re
import sys
import tempfile
import traceback
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from benchmarks import intake_variants
from modules.beam import check as _check  # noqa: F401 (imported before the processes fork)
from pipeline import cli

EXPECTED = pathlib.Path(__file__).with_name("intake_expected.yaml")
CASES = pathlib.Path("../shared/cases/intake")
_COUNTS = {"events": 709, "users": 60, "items": 50}
_FOUND = re.compile(
    r"^(?: *data +)?([\d,]+) events? of ([\d,]+) users?, a catalogue of ([\d,]+) items?",
    re.MULTILINE,
)
_SHOWN = 230  # characters of a message in the table


@dataclasses.dataclass(frozen=True)
class Case:
    """A folder, what is in it, and what has to become of it.

    Attributes:
      name: the folder's.
      about: what is particular.
      counts: events, users and items, if it has to be read; else None.
      words: what the message, or what is said of the data that were read, has to hold.
    """

    name: str
    about: str
    counts: Mapping[str, int] | None
    words: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the check did with a case: its exit code, its counts or first message, what is wrong."""

    case: Case
    code: int
    shown: str
    wrong: str


def main() -> None:
    """Runs all cases and writes the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=pathlib.Path, default=CASES, help="default %(default)s")
    parser.add_argument("--output", type=pathlib.Path, help="default: the terminal")
    parser.add_argument("--only", default="", help="a part of the names of the cases to run")
    parser.add_argument("--processes", type=int, default=2, help="default %(default)s")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        variants = pathlib.Path(folder)
        declared = intake_variants.write(variants)
        sections = [
            ("Cases", args.cases, read_cases(yaml.safe_load(EXPECTED.read_text()), _COUNTS)),
            ("Variants", variants, read_cases(declared, {})),
        ]
        outcomes = {
            title: run([c for c in cases if args.only in c.name], root, args.processes)
            for title, root, cases in sections
        }
    text = table(outcomes)
    if args.output:
        args.output.write_text(text, encoding="utf-8")
    else:
        print(text)
    sys.exit(any(outcome.wrong for found in outcomes.values() for outcome in found))


def read_cases(declared: Mapping[str, Any], counts: Mapping[str, int]) -> list[Case]:
    """The cases as intake_expected.yaml declares them; `counts` hold where a case gives none."""
    return [
        Case(
            name,
            entry["is"],
            None if "refused" in entry else {**counts, **entry["read"]},
            [str(word) for word in entry.get("refused", entry.get("says", ()))],
        )
        for name, entry in declared.items()
    ]


def run(cases: Sequence[Case], root: pathlib.Path, processes: int) -> list[Outcome]:
    """Checks the cases in folders of `root`, each in a process of its own.

    They are forked from one that has done the imports, which take longer than a case, and has no
    threads, whose locks a fork would hold for ever.
    """
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["benchmarks.intake"])
    with server.Pool(processes, maxtasksperchild=1) as pool:
        return pool.starmap(check, [(case, root) for case in cases], chunksize=1)


def check(case: Case, root: pathlib.Path) -> Outcome:
    """Runs `recsys dataset check` and compares."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(["dataset", "check", "--config", str(root / case.name / "c.yaml")])
        except Exception:  # noqa: BLE001 (a case that ends so is wrong, and the others go on)
            code = 1
            traceback.print_exc()
    _, is_refused, message = err.getvalue().partition("recsys: ")
    message = " ".join(message.split()) if is_refused else ""
    counted = _FOUND.search(out.getvalue())
    counts = {} if counted is None else _numbers(counted)
    shown = message or ", ".join(f"{number:,} {what}" for what, number in counts.items())
    return Outcome(
        case,
        code,
        shown.replace(f"{root.resolve()}/", "").replace(f"{root}/", ""),
        _wrong(case, code, message or " ".join((out.getvalue() + err.getvalue()).split()), counts),
    )


def _numbers(counted: re.Match[str]) -> dict[str, int]:
    return {what: int(text.replace(",", "")) for what, text in zip(_COUNTS, counted.groups())}


def _wrong(case: Case, code: int, said: str, counts: Mapping[str, int]) -> str:
    """What is wrong; empty: nothing."""
    if "Traceback" in said:
        return "a traceback"
    if case.counts is None and code == 0:
        return "read"
    if case.counts is not None and code != 0:
        return "refused"
    for what, number in (case.counts or {}).items():
        if counts.get(what) != number:
            return f"{counts.get(what)} {what}, not {number}"
    missing = [word for word in case.words if word not in said]
    return f"no word of {', '.join(missing)}" if missing else ""


def table(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """The page: how many are right, and a section with a line a case each."""
    lines = [
        "# What goes in",
        "",
        "Made by `python -m benchmarks.intake --output benchmarks/intake.md`. A case is a folder",
        "with a configuration as a newcomer writes it, and data. Right is: read as meant, or",
        "refused with the file and the line or row, what was found and what to do.",
        "",
    ]
    for title, found in outcomes.items():
        right = sum(not outcome.wrong for outcome in found)
        lines.append(f"{title}: {right} of {len(found)} right.")
    for title, found in outcomes.items():
        lines += ["", f"## {title}", "", *_rows(found)]
    return "\n".join(lines) + "\n"


def _rows(found: Iterable[Outcome]) -> Iterable[str]:
    yield "| case | what it is | has to be | exit | what the check says | right |"
    yield "|---|---|---|--:|---|---|"
    for outcome in found:
        case = outcome.case
        if case.counts is None:
            expected = "refused: " + ", ".join(case.words)
        else:
            expected = "read: " + ", ".join(f"{n} {what}" for what, n in case.counts.items())
            expected += "".join(f"; says {word}" for word in case.words)
        cells = (
            case.name,
            case.about,
            expected,
            str(outcome.code),
            _shortened(outcome.shown),
            f"**no**: {outcome.wrong}" if outcome.wrong else "yes",
        )
        yield "| " + " | ".join(map(_cell, cells)) + " |"


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 4].rstrip() + " ..."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


if __name__ == "__main__":
    main()
