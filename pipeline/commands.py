"""What each command does.

Every one imports its implementation when it is called: TFX alone takes 20 s.

A command gets the parsed arguments and returns the exit code.
"""

from __future__ import annotations

import argparse
import pathlib
import webbrowser

from modules import config
from pipeline import configuration


def _config(args: argparse.Namespace) -> config.Config:
    return configuration.load(args.config, args.overrides)


def run(args: argparse.Namespace) -> int:
    """Trains, evaluates and releases the models, and writes the report."""
    cfg = _config(args)
    from pipeline import run as implementation

    place = implementation.run(
        cfg,
        args.root,
        verbose=args.verbose,
        use_cache=not args.no_cache,
        warm_start=args.warm_start,
    )
    implementation.report(cfg, place)
    return 0


def report(args: argparse.Namespace) -> int:
    """Writes the report of the last run again, and opens it if asked to."""
    cfg = _config(args)
    from pipeline.report import report as implementation

    page = pathlib.Path(implementation.write(cfg, args.root))
    print(f"Report: {page}")
    if args.open:
        webbrowser.open(page.resolve().as_uri())
    return 0


def recommend(args: argparse.Namespace) -> int:
    """Prints recommendations for one user or history."""
    cfg = _config(args)
    from pipeline import recommend as implementation

    implementation.main(
        cfg,
        args.root,
        user=args.user,
        history=args.history,
        profile=args.profile,
        at=args.at,
        exclude=args.exclude,
        exclude_seen=args.exclude_seen,
        k=args.k,
        stage=args.stage,
        explain=args.explain,
        as_json=args.json,
    )
    return 0


def batch_recommend(args: argparse.Namespace) -> int:
    """Writes recommendations for all users of the data set."""
    cfg = _config(args)
    from pipeline.batch import command

    command.main(
        cfg,
        args.root,
        output=args.output,
        replace=args.replace,
        only=args.users,
        k=args.k,
        at=args.at,
        exclude_seen=args.exclude_seen,
        stage=args.stage,
    )
    return 0


def serve(args: argparse.Namespace) -> int:
    """Serves the release in force until it is stopped."""
    cfg = _config(args)
    from pipeline import runs
    from pipeline import serve as implementation

    ports = implementation.Ports(args.port, args.grpc_port, args.rest_port)
    implementation.main(
        cfg,
        runs.Run(args.root, cfg.name),
        host=args.host,
        models=implementation.Models(
            args.separate, args.models_host, args.request_log, args.request_log_rate
        ),
        ports=ports,
        store=args.store,
        api_keys=args.api_keys,
        open_page=args.open,
        verbose=args.verbose,
    )
    return 0


def export_predictions(args: argparse.Namespace) -> int:
    """Writes the models' answers to the requests of a split into a file."""
    cfg = _config(args)
    from pipeline import export_predictions as implementation

    implementation.export(cfg, args.root, args.stage, args.on, args.output)
    return 0


def skew(args: argparse.Namespace) -> int:
    """Compares what servers were asked with what the models learned from; 1 if they differ."""
    cfg = _config(args)
    from pipeline import skew as implementation

    found = implementation.main(
        cfg,
        args.root,
        logs=args.logs,
        against=args.against,
        replay=args.replay,
        thresholds=dict(args.thresholds),
        as_json=args.json,
    )
    return int(found.skewed)


def ablate(args: argparse.Namespace) -> int:
    """Runs the variants of a plan and shows what each is worth."""
    from pipeline.ablation import command

    command.main(
        args.plan,
        args.config,
        args.overrides,
        args.root,
        only=args.rows,
        seeds=args.seeds,
        list_only=args.list,
        verbose=args.verbose,
    )
    return 0


def tune(args: argparse.Namespace) -> int:
    """Searches values for the training of recall, and shows what was found."""
    from pipeline.tuning import command

    command.main(
        args.space,
        args.config,
        args.overrides,
        args.root,
        minutes=args.minutes,
        vertex=args.vertex,
        verbose=args.verbose,
    )
    return 0


def refresh_index(args: argparse.Namespace) -> int:
    """Releases the models in force for a new catalogue."""
    cfg = _config(args)
    from pipeline.refresh import command

    command.main(cfg, args.root, most_gone=args.most_gone)
    return 0


def releases(args: argparse.Namespace) -> int:
    """Lists the releases."""
    cfg = _config(args)
    from pipeline import releases as implementation

    implementation.show(cfg, args.root, as_json=args.json)
    return 0


def rollback(args: argparse.Namespace) -> int:
    """Puts an earlier release in force again."""
    cfg = _config(args)
    from pipeline import releases as implementation

    implementation.rollback(cfg, args.root, args.id)
    return 0


def store_load(args: argparse.Namespace) -> int:
    """Loads the data set's histories and profiles into the store of the gateway."""
    cfg = _config(args)
    from pipeline import store as implementation

    implementation.load(cfg, args.root, url=args.store, replace=args.replace)
    return 0


def store_status(args: argparse.Namespace) -> int:
    """Prints how many users and events the store holds."""
    cfg = _config(args)
    from pipeline import store as implementation

    implementation.status(cfg, args.root, url=args.store)
    return 0


def package(args: argparse.Namespace) -> int:
    """Writes the wheel that workers install, and what it needs."""
    from pipeline import package as implementation

    implementation.main(args.output)
    return 0


def doctor(args: argparse.Namespace) -> int:
    """Checks the installation, and the configuration if there is one."""
    from pipeline import doctor as implementation

    return implementation.main(args.config, args.overrides, args.root)


def dataset_check(args: argparse.Namespace) -> int:
    """Reads the whole data set and prints what is in it, or what is wrong with it."""
    cfg = _config(args)
    from pipeline import dataset_check as implementation

    implementation.main(cfg, as_json=args.json)
    return 0


def dataset_draft(args: argparse.Namespace) -> int:
    """Looks at files and writes the configuration that reads them."""
    from pipeline.draft import command

    given = {name: getattr(args, name) for name in ("events", "users", "items")}
    command.main(
        args.files,
        given={name: file for name, file in given.items() if file is not None},
        name=args.name,
        output=args.output,
        force=args.force,
    )
    return 0


def dataset_generate(args: argparse.Namespace) -> int:
    """Generates a data set whose best ranking is known."""
    cfg = _config(args)
    from pipeline.generate import options

    of = options.read(args)
    from pipeline.generate import command

    command.main(of, args.out, form=args.format, name=args.name, runner=cfg.runner)
    return 0
