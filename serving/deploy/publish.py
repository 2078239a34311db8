"""Brings a release to the folder that production serves from, and moves requests to it.

  python -m serving.deploy.publish load --from runs/NAME/serving --to /releases
  python -m serving.deploy.publish promote RELEASE --to /releases

The folder has the layout of `runs/NAME/serving` (see modules/release.py) and two files more,
recall.config and rank.config, since the two models have servers of their own. `load` copies a
release and has it served beside the one in force, under the label `canary`; `promote` moves the
label `stable`, which the gateway asks for, and replaces models.config. The release before stays
loaded until the next `load`: promoting it is the rollback. Rank is always told first, so it has
every version that recall can answer with.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modules import model_server_config, release
from serving.deploy import configs, servers

CANARY = "canary"  # the label of the release that was loaded last
STABLE = model_server_config.LABEL  # of the release in force
_MODELS = (release.RANK, release.RECALL)  # in the order in which their servers are told


class PublishError(RuntimeError):
    """Nothing more was changed. The message says what is wrong and the remedy."""


@dataclasses.dataclass(frozen=True)
class Servers:
    """The model servers of the folder.

    Attributes:
      base: where they see the folder.
      addresses: those to wait for.
      timeout: seconds to wait for each.
    """

    base: pathlib.PurePath
    addresses: Sequence[servers.Address] = ()
    timeout: float = 600.0


def load(
    target: pathlib.Path, number: int, source: pathlib.Path | None, servers_of: Servers
) -> None:
    """Has a release served under the label `canary`.

    Args:
      target: the folder that production serves from.
      number: the release's id.
      source: a serving folder to copy it from; None: it is in `target`.
      servers_of: where `target` is served.

    Raises:
      PublishError: a server could not load it.
      release.ReleaseError: it must not be served.
    """
    if source is not None:
        _copy(source, target, number)
    release.load(target, number)
    stable = configs.read(target, release.RECALL).labels.get(STABLE, number)
    for model in _MODELS:
        _configure(
            target, model, {stable, number}, {STABLE: stable, CANARY: number}, servers_of.base
        )
        if _has(target, model, number):
            _wait(servers_of, model, f"versions/{number}", number)


def promote(target: pathlib.Path, number: int, servers_of: Servers) -> None:
    """Moves the label `stable` to a release that is loaded. Arguments and errors as of `load`."""
    loaded = configs.read(target, release.RECALL).versions
    if number not in loaded:
        raise PublishError(
            f"{target}: release {number} is not loaded, only {list(loaded)}. `load` it "
            "first: a label moves only to a version that is AVAILABLE."
        )
    release.load(target, number)
    models = [model for model in _MODELS if _has(target, model, number)]
    for model in models:
        _wait(servers_of, model, f"versions/{number}", number)
    for model in models:
        _configure(target, model, set(loaded), {STABLE: number, CANARY: number}, servers_of.base)
        _wait(servers_of, model, f"labels/{STABLE}", number)
    _replace(
        target / release.POINTER,
        model_server_config.write(
            dict.fromkeys(reversed(models), number), pathlib.Path(servers_of.base)
        ),
    )


def _copy(source: pathlib.Path, target: pathlib.Path, number: int) -> None:
    """Copies what is not there yet; a copy that died is begun again."""
    release.load(source, number)
    found = release.manifest(source, number)
    unfinished = target / f"{release.UNFINISHED}{number}"
    unfinished.mkdir(parents=True, exist_ok=True)
    for model, files in found.models.items():
        folder = target / model / str(number)
        if not folder.is_dir() or any(release.differences(folder, files, thorough=True)):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(source / model / str(number), folder)
    (target / release.MANIFESTS).mkdir(exist_ok=True)
    _replace(target / release.MANIFESTS / f"{number}.json", found.to_text())
    unfinished.rmdir()


def _configure(
    target: pathlib.Path,
    model: str,
    versions: set[int],
    labels: Mapping[str, int],
    base: pathlib.PurePath,
) -> None:
    """Writes a model's file, with those of the versions that have the model."""
    there = {version for version in versions if _has(target, model, version)}
    named = {name: version for name, version in labels.items() if version in there}
    text = configs.write(model, configs.Served(tuple(there), named), base)
    _replace(configs.path(target, model), text)


def _has(target: pathlib.Path, model: str, number: int) -> bool:
    return (target / model / str(number)).is_dir()


def _replace(path: pathlib.Path, text: str) -> None:
    """Writes a file in one step: a server that reads meanwhile sees the old or the new one."""
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _wait(servers_of: Servers, model: str, which: str, number: int) -> None:
    for address in servers_of.addresses:
        if address.model == model:
            try:
                servers.wait(address, which, number, servers_of.timeout)
            except servers.ServerError as error:
                raise PublishError(
                    f"{error} Requests stay with the release in force. `load` that one again "
                    "to give this one up."
                ) from None


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    args = _parser().parse_args(argv)
    servers_of = Servers(args.base_path or args.to.resolve(), args.server, args.timeout)
    try:
        number = _latest(args.source or args.to) if args.release is None else args.release
        if args.command == "load":
            load(args.to, number, args.source, servers_of)
        else:
            promote(args.to, number, servers_of)
    except (ValueError, PublishError, OSError) as error:  # release.ReleaseError is a ValueError
        print(f"publish: {error}", file=sys.stderr)
        return 1
    label = CANARY if args.command == "load" else STABLE
    print(f"release {number} has the label {label}")
    return 0


def _latest(serving: pathlib.Path) -> int:
    number = release.current(serving)
    if number is None:
        raise PublishError(f"{serving}: no release is in force. Name one: `load RELEASE`.")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m serving.deploy.publish",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("load", help="serve a release beside the one in force").add_argument
    add("release", type=int, nargs="?", help="its id; default: the one in force in --from")
    add(
        "--from",
        dest="source",
        type=pathlib.Path,
        metavar="FOLDER",
        help="copy it from here, such as runs/NAME/serving",
    )
    _add_common(add)
    add = commands.add_parser(
        "promote", help="move requests to a release that is loaded"
    ).add_argument
    add("release", type=int, help="its id")
    _add_common(add)
    return parser


def _add_common(add: Callable[..., Any]) -> None:
    add(
        "--to",
        type=pathlib.Path,
        required=True,
        metavar="FOLDER",
        help="what production serves from",
    )
    add(
        "--base-path",
        type=pathlib.PurePosixPath,
        metavar="PATH",
        help="where the model servers see FOLDER; default: the same path",
    )
    add(
        "--server",
        type=servers.address,
        action="append",
        default=[],
        metavar="MODEL=HOST:PORT",
        help="REST address of a model's servers, all that HOST resolves to; they are waited for",
    )
    add("--timeout", type=float, default=600.0, metavar="SECONDS", help="to wait for each of them")


if __name__ == "__main__":
    sys.exit(main())
