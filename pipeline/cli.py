"""The command line, `recsys`: arguments, help, and how errors become messages and exit codes.

Nothing heavy is imported before the arguments have been understood (see `pipeline.commands`).
"""

from __future__ import annotations

import argparse
import dataclasses
import errno
import importlib.metadata
import os
import pathlib
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import TypeAlias

from modules.strict import ConfigError
from pipeline import arguments, commands, configuration
from pipeline.ablation import options as ablation_options
from pipeline.batch import options as batch_options
from pipeline.generate import options as generate_options
from pipeline.options import (
    check,
    draft,
    export_predictions,
    package,
    recommend,
    releases,
    report,
    rollback,
    run,
    serve,
    skew,
    store,
)
from pipeline.refresh import options as refresh_options
from pipeline.tuning import options as tuning_options

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
EXIT_UNREAD = 141  # as of a program that SIGPIPE ends
# error classes of these packages are messages for the user
_OURS = ("modules", "pipeline", "serving")

_EXAMPLES = """\
examples:
  recsys run                                     the pipeline on MovieLens-100K
  recsys run --config shop.yaml -o index.k=100   your own data, with one value changed
  recsys report --open                           the run as one HTML page
  recsys recommend --user 42 --k 10              ten films for a user
  recsys recommend --history 50,172:881250949    ... or for a history that you make up
  recsys batch-recommend --output recommendations     ten for every user, as Parquet files
  recsys serve --open                            models, API and a page to try them, on this machine
  recsys skew --logs requests/                   do logged requests look like the training data?
  recsys ablate                                  what each measure of the models is worth
  recsys tune --minutes 60                       better values for the training of recall
  recsys refresh-index --config shop.yaml        new items, without training
  recsys releases                                what was released, and which release is in force
  recsys dataset draft clicks.csv > shop.yaml    look at files and write the YAML that reads them
  recsys dataset check --config shop.yaml        say how the data is read and what is wrong
  recsys package                                 the wheel that Beam's workers install
  recsys doctor                                  is this machine set up?

exit codes: 0 done, 1 failed, 2 wrong arguments or configuration, 130 interrupted,
141 nobody read the rest of the output
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    args = parser().parse_args(argv)
    # libraries that will not support this Python for ever say so several times
    if not args.verbose:
        warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        code: int = args.command(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `head`, say, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_UNREAD
    except KeyboardInterrupt:
        print("recsys: interrupted; the next run goes on after what had finished.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as error:
        if not is_declared(error):
            raise
        if args.verbose:
            traceback.print_exc()
        sys.stdout.flush()  # what came before the error is shown before it, also in a file
        print(f"recsys: {_message(error)}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, ConfigError) else EXIT_FAILED


def is_declared(error: Exception) -> bool:
    """Whether the message alone is enough: an error class of this project, or an unusable file."""
    ours = type(error).__module__.split(".")[0] in _OURS
    a_file = isinstance(error, OSError) and (
        error.filename is not None or error.errno == errno.ENOSPC
    )
    return ours or a_file or isinstance(error, (FileNotFoundError, PermissionError))


def _message(error: Exception) -> str:
    """Of the system's errors, what and why in place of a number."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    found = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    is_refused = isinstance(error, PermissionError)
    return f"{found}." + (" Check who may read it and enter its folder." if is_refused else "")


@dataclasses.dataclass(frozen=True)
class _Command:
    """A command that has the options of every command.

    Attributes:
      name: of the command.
      run: what it does.
      summary: one line.
      examples: what else its help says.
      add: adds its own arguments.
    """

    name: str
    run: Callable[[argparse.Namespace], int]
    summary: str
    examples: str
    add: Callable[[argparse.ArgumentParser], None] | None = None


_COMMANDS = (
    _Command(
        "run",
        commands.run,
        "run the pipeline: data, training, index, evaluation, push",
        run.EXAMPLES,
        run.add,
    ),
    _Command(
        "report",
        commands.report,
        "write the last run's results as one HTML page",
        report.EXAMPLES,
        report.add,
    ),
    _Command(
        "recommend",
        commands.recommend,
        "recommend items from the release in force",
        recommend.EXAMPLES,
        recommend.add,
    ),
    _Command(
        "batch-recommend",
        commands.batch_recommend,
        "recommend items to all users of the data set, as Parquet files",
        batch_options.EXAMPLES,
        batch_options.add,
    ),
    _Command(
        "serve",
        commands.serve,
        "serve the release in force on this machine",
        serve.EXAMPLES,
        serve.add,
    ),
    _Command(
        "export-predictions",
        commands.export_predictions,
        "write the predictions for all held-out events",
        export_predictions.EXAMPLES,
        export_predictions.add,
    ),
    _Command(
        "skew",
        commands.skew,
        "compare logged requests with training, and replay them",
        skew.EXAMPLES,
        skew.add,
    ),
    _Command(
        "ablate",
        commands.ablate,
        "show what each measure is worth: run variants and compare them in pairs",
        ablation_options.EXAMPLES,
        ablation_options.add,
    ),
    _Command(
        "tune",
        commands.tune,
        "search better values for the training of recall, on validation",
        tuning_options.EXAMPLES,
        tuning_options.add,
    ),
    _Command(
        "refresh-index",
        commands.refresh_index,
        "release the models in force for a new catalogue, without training",
        refresh_options.EXAMPLES,
        refresh_options.add,
    ),
    _Command(
        "releases",
        commands.releases,
        "list the releases and say which one is in force",
        releases.EXAMPLES,
        releases.add,
    ),
    _Command(
        "rollback",
        commands.rollback,
        "put another release in force",
        rollback.EXAMPLES,
        rollback.add,
    ),
    _Command(
        "doctor",
        commands.doctor,
        "check versions, ScaNN, memory, disk and the data set's files",
        "examples:\n  recsys doctor\n  recsys doctor --config shop.yaml",
    ),
)
_STORE_COMMANDS = (
    _Command(
        "load",
        commands.store_load,
        "add the data set's users, with profiles and events",
        store.LOAD_EXAMPLES,
        store.add_load,
    ),
    _Command(
        "status",
        commands.store_status,
        "say how many users and events there are",
        store.STATUS_EXAMPLES,
        store.add,
    ),
)
_DATASET_COMMANDS = (
    _Command(
        "check",
        commands.dataset_check,
        "read every row; say what was understood and what is wrong",
        check.EXAMPLES,
        check.add,
    ),
    _Command(
        "generate",
        commands.dataset_generate,
        "make up data of any size whose best ranking is known",
        generate_options.EXAMPLES,
        generate_options.add,
    ),
)


def parser() -> argparse.ArgumentParser:
    """The whole command line. The parsed `command` is a function of `pipeline.commands`."""
    top = _Parser(
        prog="recsys",
        epilog=_EXAMPLES,
        description="A declarative two-stage recommender on TFX: one YAML file in, an evaluated, "
        "gated and pushed model out.",
    )
    top.add_argument("--version", action="version", version=f"recsys {_version()}")
    children = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        _add(children, command)
    found = children.add_parser(
        "package",
        help="write what Beam's workers install: the wheel and its requirements",
        description=package.DESCRIPTION,
        epilog=package.EXAMPLES,
    )
    found.set_defaults(command=commands.package)
    package.add(found)
    of_store = _group(children, "store", "fill the history store, or see what it holds")
    for command in _STORE_COMMANDS:
        _add(of_store, command)
    of_data = _group(children, "dataset", "look at a data set without running the pipeline")
    for command in _DATASET_COMMANDS:
        _add(of_data, command)
    found = of_data.add_parser(
        "draft",
        help="look at files and write the configuration that reads them",
        description=draft.DESCRIPTION,
        epilog=draft.EXAMPLES,
    )
    found.set_defaults(command=commands.dataset_draft)
    draft.add(found)
    return top


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that keeps the examples' line breaks and knows no abbreviated options."""

    def __init__(self, **options: object) -> None:
        settings = {
            "formatter_class": argparse.RawDescriptionHelpFormatter,
            "allow_abbrev": False,
            **options,
        }
        super().__init__(**settings)  # type: ignore[arg-type]


_Children: TypeAlias = "argparse._SubParsersAction[_Parser]"


def _group(children: _Children, name: str, summary: str) -> _Children:
    """A command that has commands."""
    inner = children.add_parser(name, help=summary)
    return inner.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _add(children: _Children, command: _Command) -> None:
    """Adds a command with the options that all commands have."""
    summary = command.summary
    child = children.add_parser(
        command.name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=command.examples,
    )
    child.set_defaults(command=command.run)
    common = child.add_argument_group("options of every command")
    common.add_argument(
        "--config",
        metavar="NAME_OR_FILE",
        default="movielens-100k",
        help=f"a YAML file, or one of {', '.join(configuration.main_names())}, or an example for a "
        "public data set, such as examples/ml-1m (default %(default)s)",
    )
    common.add_argument(
        "-o",
        dest="overrides",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        type=arguments.override,
        help="replace one value of it; may be given again",
    )
    common.add_argument(
        "--root",
        metavar="DIR",
        type=pathlib.Path,
        default=pathlib.Path("runs"),
        help="where runs live, each in DIR/NAME (default %(default)s)",
    )
    common.add_argument("--verbose", action="store_true", help="show logs and tracebacks")
    if command.add is not None:
        command.add(child)


def _version() -> str:
    return importlib.metadata.version("tfx-two-stage-recommender")


if __name__ == "__main__":
    sys.exit(main())
