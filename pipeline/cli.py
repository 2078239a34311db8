"""The command line, `recsys`: arguments, help, and how errors become messages and exit codes.

Nothing heavy is imported before the arguments have been understood (see `pipeline.commands`).
"""

from __future__ import annotations

import argparse
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
    _add_run(children)
    _add_report(children)
    _add_recommend(children)
    batch = _add(
        children,
        "batch-recommend",
        commands.batch_recommend,
        "recommend items to all users of the data set, as Parquet files",
        batch_options.EXAMPLES,
    )
    batch_options.add(batch)
    _add_serve(children)
    _add_export_predictions(children)
    _add_skew(children)
    ablate = _add(
        children,
        "ablate",
        commands.ablate,
        "show what each measure is worth: run variants and compare them in pairs",
        ablation_options.EXAMPLES,
    )
    ablation_options.add(ablate)
    tune = _add(
        children,
        "tune",
        commands.tune,
        "search better values for the training of recall, on validation",
        tuning_options.EXAMPLES,
    )
    tuning_options.add(tune)
    refresh = _add(
        children,
        "refresh-index",
        commands.refresh_index,
        "release the models in force for a new catalogue, without training",
        refresh_options.EXAMPLES,
    )
    refresh_options.add(refresh)
    _add_releases(children)
    _add_store(children)
    _add_package(children)
    _add(
        children,
        "doctor",
        commands.doctor,
        "check versions, ScaNN, memory, disk and the data set's files",
        "examples:\n  recsys doctor\n  recsys doctor --config shop.yaml",
    )
    dataset = children.add_parser("dataset", help="look at a data set without running the pipeline")
    inner = dataset.add_subparsers(title="commands", metavar="COMMAND", required=True)
    child = _add(
        inner,
        "check",
        commands.dataset_check,
        "read every row; say what was understood and what is wrong",
        "examples:\n  recsys dataset check --config shop.yaml\n"
        "  recsys dataset check --config shop.yaml --json",
    )
    child.add_argument("--json", action="store_true", help="print what was found as JSON")
    _add_draft(inner)
    generate = _add(
        inner,
        "generate",
        commands.dataset_generate,
        "make up data of any size whose best ranking is known",
        generate_options.EXAMPLES,
    )
    generate_options.add(generate)
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


def _add(
    children: _Children,
    name: str,
    command: Callable[[argparse.Namespace], int],
    summary: str,
    examples: str,
) -> argparse.ArgumentParser:
    """Adds a command with the options that all commands have."""
    child = children.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", epilog=examples
    )
    child.set_defaults(command=command)
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
    return child


def _add_run(children: _Children) -> None:
    child = _add(
        children,
        "run",
        commands.run,
        "run the pipeline: data, training, index, evaluation, push",
        "What has not changed since the last run is reused; a run that was stopped goes on.\n\n"
        "examples:\n  recsys run\n  recsys run --config shop.yaml "
        "-o training.epochs=3 -o index.body=exact\n"
        "  recsys run --config shop.yaml --warm-start     the next day, on yesterday's models",
    )
    child.add_argument(
        "--warm-start",
        action="store_true",
        help="go on from the models of the release in force, with the rate and the epochs of "
        "training.warm_start and ranking.training.warm_start",
    )
    child.add_argument("--no-cache", action="store_true", help="run every component again")


def _add_report(children: _Children) -> None:
    child = _add(
        children,
        "report",
        commands.report,
        "write the last run's results as one HTML page",
        "examples:\n  recsys report\n  recsys report --config shop.yaml --open",
    )
    child.add_argument("--open", action="store_true", help="show it in the browser")


def _add_recommend(children: _Children) -> None:
    child = _add(
        children,
        "recommend",
        commands.recommend,
        "recommend items from the release in force",
        "examples:\n  recsys recommend --user 42 --k 10 --explain\n"
        "  recsys recommend --history 50,172:881250949 --profile age=24,gender=M\n"
        "  recsys recommend --user 42 --at 1998-04-23T20:00 --exclude 1,50\n\n"
        "An element of --history, --exclude or --profile with a comma stands in double quotes, a\n"
        "quote inside them is written twice; so does an id that ends in a colon and digits:\n"
        """  recsys recommend --history '"a,b":881250949,"tt:12","5"" disc",50'\n"""
        """  recsys recommend --user 42 --profile '"tags=new,blue",age=24'""",
    )
    who = child.add_mutually_exclusive_group(required=True)
    who.add_argument(
        "--user",
        metavar="ID",
        type=arguments.identifier,
        help="a user of the data set, with history and profile",
    )
    who.add_argument(
        "--history",
        metavar="ITEM[:TIME],...",
        type=arguments.history,
        help="item ids, oldest first, with Unix seconds where known, in double quotes where "
        """they hold commas or colons, like '"a,b":881250949,50'; '' for none""",
    )
    child.add_argument(
        "--profile",
        metavar="COLUMN=VALUE,...",
        type=arguments.profile,
        default={},
        help="columns of the users table; replaces those of --user",
    )
    child.add_argument(
        "--at",
        metavar="TIME",
        type=arguments.time,
        help="the request's time: Unix seconds, a date (UTC) or a date-time",
    )
    child.add_argument(
        "--exclude",
        metavar="ITEM,...",
        type=arguments.item_ids,
        default=(),
        help="item ids not to recommend",
    )
    child.add_argument(
        "--exclude-seen",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="leave out items of the history, or let them come back (default: as the release does, "
        "see data.repeats)",
    )
    child.add_argument(
        "--k",
        metavar="N",
        type=arguments.positive,
        default=10,
        help="how many items (default %(default)s)",
    )
    child.add_argument(
        "--stage",
        choices=("recall", "two-stage"),
        help="whose order (default two-stage, if the release has a rank model)",
    )
    child.add_argument(
        "--explain",
        action="store_true",
        help="say which groups of features moved each item's rank score, and how far",
    )
    child.add_argument("--json", action="store_true", help="print the answer as JSON")


def _add_serve(children: _Children) -> None:
    child = _add(
        children,
        "serve",
        commands.serve,
        "serve the release in force on this machine",
        "Serves the recommendation API, a page to inspect and to try, and the models by\n"
        "TensorFlow Serving's protocol. A release that is pushed or rolled back meanwhile\n"
        "takes effect without a restart. Ctrl-C stops it.\n\n"
        "examples:\n  recsys serve --open\n"
        "  recsys serve --store redis://127.0.0.1:6379/0 --api-keys keys.txt",
    )
    child.add_argument(
        "--host", default="127.0.0.1", help="address of page and API (default %(default)s)"
    )
    child.add_argument(
        "--models-host",
        default="127.0.0.1",
        help="address of the models, which have neither keys nor encryption (default %(default)s)",
    )
    child.add_argument(
        "--separate",
        action="store_true",
        help="the models in a process of their own, as in production; a recommendation takes "
        "half as long again",
    )
    child.add_argument(
        "--request-log",
        metavar="DIR",
        type=pathlib.Path,
        help="log a sample of what the models are asked there, for `recsys skew`",
    )
    child.add_argument(
        "--request-log-rate",
        metavar="SHARE",
        type=arguments.share,
        default=0.01,
        help="the share of the requests that is logged (default %(default)s)",
    )
    for name, number, what in (
        ("--port", 8080, "of the page and the API"),
        ("--grpc-port", 8500, "of the models' gRPC"),
        ("--rest-port", 8501, "of the models' REST"),
    ):
        child.add_argument(
            name,
            metavar="N",
            type=arguments.positive,
            default=number,
            help=f"port {what} (default %(default)s)",
        )
    child.add_argument(
        "--store",
        metavar="URL",
        help="where histories are kept, as `recsys store load` "
        "filled it (default: an SQLite file in the run's folder, filled when it is empty)",
    )
    child.add_argument(
        "--api-keys",
        metavar="FILE",
        type=pathlib.Path,
        help="accept only requests with one of these keys, one a line",
    )
    child.add_argument("--open", action="store_true", help="show the page in the browser")


def _add_export_predictions(children: _Children) -> None:
    child = _add(
        children,
        "export-predictions",
        commands.export_predictions,
        "write the predictions for all held-out events",
        "A line is `user<TAB>item item ...`: original ids, best first, without seen items\n"
        "where data.repeats excludes them.\n"
        "On test, the validation event is part of the history. The models are those of the\n"
        "newest run, as in its report, whether they were pushed or not.\n\n"
        "example:\n  recsys export-predictions --stage two-stage --on test --output test.tsv",
    )
    default = "default %(default)s"
    child.add_argument("--stage", choices=("recall", "two-stage"), default="recall", help=default)
    child.add_argument("--on", choices=("valid", "test"), default="test", help=default)
    child.add_argument("--output", metavar="FILE", type=pathlib.Path, required=True)


def _add_skew(children: _Children) -> None:
    child = _add(
        children,
        "skew",
        commands.skew,
        "compare logged requests with training, and replay them",
        "Requests are logged by `python -m serving.model_server --request-log DIR`. Distances "
        "from\nthe training data are TFDV's; replaying proves that the served graph transforms a "
        "request\nas the pipeline's Transform does, and that the release still answers as it did. "
        "The exit\ncode is 1 when something is skewed or unequal.\n\n"
        "examples:\n  recsys skew --logs requests/\n"
        "  recsys skew --logs requests/today --against requests/last-week --threshold user_age=0.2",
    )
    child.add_argument(
        "--logs", metavar="DIR", type=pathlib.Path, required=True, help="folder of logged requests"
    )
    child.add_argument(
        "--against", metavar="DIR", type=pathlib.Path, help="older ones, to compare with as well"
    )
    child.add_argument(
        "--replay",
        metavar="N",
        type=arguments.count,
        default=200,
        help="requests of each model that are asked again, 0 for none (default %(default)s)",
    )
    child.add_argument(
        "--threshold",
        dest="thresholds",
        metavar="FEATURE=X",
        action="append",
        default=[],
        type=arguments.threshold,
        help="the greatest distance of a feature, and difference in missing numbers, that "
        "is no skew; may be given again",
    )
    child.add_argument("--json", action="store_true", help="print what was found as JSON")


def _add_releases(children: _Children) -> None:
    child = _add(
        children,
        "releases",
        commands.releases,
        "list the releases and say which one is in force",
        "examples:\n  recsys releases\n  recsys releases --json",
    )
    child.add_argument("--json", action="store_true", help="print them as JSON")
    child = _add(
        children,
        "rollback",
        commands.rollback,
        "put another release in force",
        "Both models of the release take effect at once, after their files have been checked.\n\n"
        "examples:\n  recsys rollback              back to the one before\n"
        "  recsys rollback 1795565736   this one, earlier or later",
    )
    child.add_argument(
        "id",
        metavar="ID",
        nargs="?",
        type=arguments.positive,
        help="as `recsys releases` lists it (default: the one before the one in force)",
    )


def _add_store(children: _Children) -> None:
    top = children.add_parser("store", help="fill the history store, or see what it holds")
    inner = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    where = (
        "URL of the store: sqlite:///FILE or redis://HOST:PORT/DB "
        "(default: a file in the run's folder)"
    )
    child = _add(
        inner,
        "load",
        commands.store_load,
        "add the data set's users, with profiles and events",
        "The tables are read and checked as in training. What is there already is not added\n"
        "again.\n\n"
        "examples:\n  recsys store load\n"
        "  recsys store load --config shop.yaml --store redis://127.0.0.1:6379/0",
    )
    child.add_argument("--store", metavar="URL", help=where)
    child.add_argument(
        "--replace", action="store_true", help="first remove all that the store holds"
    )
    child = _add(
        inner,
        "status",
        commands.store_status,
        "say how many users and events there are",
        "example:\n  recsys store status --store redis://127.0.0.1:6379/0",
    )
    child.add_argument("--store", metavar="URL", help=where)


def _add_package(children: _Children) -> None:
    child = children.add_parser(
        "package",
        help="write what Beam's workers install: the wheel and its requirements",
        description="Builds the wheel of this project and lists all that it needs in the locked "
        "versions,\nfor the workers of runner.kind: portable, and for the image of "
        "serving/deploy/Dockerfile.worker.",
        epilog="examples:\n  recsys package\n  recsys package --output /mnt/shared/recsys",
    )
    child.set_defaults(command=commands.package)
    child.add_argument(
        "--output",
        metavar="DIR",
        type=pathlib.Path,
        default=pathlib.Path("dist"),
        help="where they are written (default %(default)s)",
    )
    child.add_argument("--verbose", action="store_true", help="show logs and tracebacks")


def _add_draft(children: _Children) -> None:
    child = children.add_parser(
        "draft",
        help="look at files and write the configuration that reads them",
        description="Looks at a sample of files and writes the configuration that reads them:\n"
        "which table each is, what each column is for, and how times, numbers and lists are\n"
        "written, each with the reason and examples. What is unsure is marked UNSURE, and listed\n"
        "at the end.",
        epilog="Files are CSV and other delimited text, JSON lines, Parquet, or RecBole's; also\n"
        "compressed, and as a folder or a glob. Several files are told apart by the ids that they\n"
        "share. A URL is opened as Beam opens it.\n\n"
        "examples:\n"
        "  recsys dataset draft clicks.csv                       print it\n"
        "  recsys dataset draft clicks.csv --output shop.yaml    write it\n"
        "  recsys dataset draft data/ --output shop.yaml         all tables of a folder\n"
        "  recsys dataset draft ratings.dat users.dat movies.dat --output ml-1m.yaml\n"
        "  recsys dataset draft --events 'logs/*.json.gz' --items products.csv\n"
        "then:\n"
        "  recsys dataset check --config shop.yaml               what was read, and what is wrong\n"
        "  recsys run --config shop.yaml",
    )
    child.set_defaults(command=commands.dataset_draft)
    child.add_argument("files", metavar="FILE", nargs="*", help="a file, a folder or a glob")
    for name in ("events", "users", "items"):
        child.add_argument(f"--{name}", metavar="FILE", help=f"the file that holds the {name}")
    child.add_argument(
        "--name", type=arguments.name, help="of the data set (default: from the events' file)"
    )
    child.add_argument(
        "--output", metavar="FILE", type=pathlib.Path, help="the YAML (default: standard output)"
    )
    child.add_argument("--force", action="store_true", help="replace the YAML if it is there")
    child.add_argument("--verbose", action="store_true", help="show logs and tracebacks")


def _version() -> str:
    return importlib.metadata.version("tfx-two-stage-recommender")


if __name__ == "__main__":
    sys.exit(main())
