"""The command line: parsing, which implementation is called with what, messages and exit codes."""

from __future__ import annotations

import errno
import importlib
import importlib.metadata
import io
import os
import pathlib
import subprocess
import sys
import types

import pytest

from modules import strict
from pipeline import cli, configuration, dataset_check

COMMANDS = (
    ["run"],
    ["report"],
    ["recommend"],
    ["export-predictions"],
    ["serve"],
    ["releases"],
    ["rollback"],
    ["doctor"],
    ["dataset", "check"],
    ["dataset", "generate"],
    ["store", "load"],
    ["store", "status"],
    ["skew"],
)


class DataError(ValueError):
    """Stands for an error class of the project."""

    __module__ = "modules.beam.errors"


@pytest.fixture
def implementation(monkeypatch):
    """Puts a function in the place of `module.name` and records how it is called."""
    fakes: dict[str, types.ModuleType] = {}

    def replace(module: str, name: str, result=None, error: BaseException | None = None) -> list:
        calls = []

        def function(*args, **kwargs):
            calls.append((args, kwargs))
            if error is not None:
                raise error
            return result

        parent, _, child = module.rpartition(".")
        fake = fakes.setdefault(module, types.ModuleType(module))
        setattr(fake, name, function)
        monkeypatch.setitem(sys.modules, module, fake)
        monkeypatch.setattr(importlib.import_module(parent), child, fake, raising=False)
        return calls

    return replace


def _usage_error(capsys, *argv: str) -> str:
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == cli.EXIT_USAGE == 2
    return capsys.readouterr().err


# --- help and wrong arguments ---


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_of_every_command_has_examples_and_the_common_options(command, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main([*command, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    usage = f"recsys {' '.join(command)}"
    for part in ("example", usage, "--config NAME_OR_FILE", "-o KEY=VALUE", "--root DIR"):
        assert part in text


def test_top_help_lists_the_commands(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = capsys.readouterr().out
    assert all(command[0] in text for command in COMMANDS)
    assert "exit codes" in text


def test_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert (
        capsys.readouterr().out
        == f"recsys {importlib.metadata.version('tfx-two-stage-recommender')}\n"
    )


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["run", "--help"],
        ["rnu"],
        ["run", "--config", "nope"],
        ["run", "-o", "training.epoch=3"],
        ["recommend"],
    ],
    ids=" ".join,
)
def test_answers_without_heavy_imports(run_python, argv):
    loaded = run_python(f"""
        import sys
        from pipeline import cli
        try:
            code = cli.main({argv})
        except SystemExit as exit:
            code = exit.code
        heavy = sorted({{"tensorflow", "tfx", "apache_beam", "numpy", "pandas"}} & set(sys.modules))
        print("LOADED", code, heavy)
    """)
    assert loaded.splitlines()[-1] == f"LOADED {0 if '--help' in argv else 2} []"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["rnu"], "invalid choice: 'rnu'"),
        (["run", "--verb"], "unrecognized arguments: --verb"),
        (
            ["run", "-o", "training.epochs"],
            "-o training.epochs: expected KEY=VALUE, like training.epochs=3.",
        ),
        (["recommend"], "one of the arguments --user --history is required"),
        (["recommend", "--user", "1", "--history", "2"], "not allowed with argument --user"),
        (["recommend", "--user", "1", "--k", "0"], "found '0', expected a whole number above 0."),
        (
            ["recommend", "--user", "1", "--at", "noon"],
            "time: found 'noon', expected a date like 1998-03-01",
        ),
        (
            ["recommend", "--user", "1", "--at", "893286638000"],
            "'893286638000', which looks like milliseconds",
        ),
        (["recommend", "--user", "1", "--at=-1"], "time: found '-1', a time before 1970"),
        (
            ["recommend", "--history", "50,172:881250949000"],
            "argument --history: element 2, '172': time: found '881250949000'",
        ),
        (
            ["recommend", "--history", '50,"a'],
            "argument --history: element 2: found '\"a', a quote",
        ),
        (["recommend", "--user", ""], "argument --user: found ''; an id is not empty."),
        (["recommend", "--user", "x" * 513], "an id has at most 512 bytes of UTF-8, found 513."),
        (
            ["recommend", "--user", "1", "--profile", "age"],
            "found 'age', expected COLUMN=VALUE, like age=24.",
        ),
        (["recommend", "--user", "1", "--stage", "rank"], "invalid choice: 'rank'"),
        (["rollback", "last"], "found 'last', expected a whole number above 0."),
        (["export-predictions"], "the following arguments are required: --output"),
        (["export-predictions", "--output", "f", "--on", "train"], "invalid choice: 'train'"),
        (["dataset"], "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_arguments(argv, message, capsys):
    assert message in _usage_error(capsys, *argv)


# --- what the commands call ---


def test_run(implementation):
    calls = implementation("pipeline.run", "run", result="the place")
    reports = implementation("pipeline.run", "report")
    assert (
        cli.main(["run", "-o", "training.epochs=3", "-o", "index.body=exact", "--root", "there"])
        == 0
    )
    (cfg, root), options = calls[0]
    assert cfg == configuration.load("movielens-100k", ["training.epochs=3", "index.body=exact"])
    assert root == pathlib.Path("there")
    assert options == {"verbose": False, "use_cache": True, "warm_start": False}
    assert reports == [((cfg, "the place"), {})]


def test_run_without_the_cache_on_the_models_of_before(implementation):
    calls = implementation("pipeline.run", "run")
    implementation("pipeline.run", "report")
    assert cli.main(["run", "--no-cache", "--verbose", "--warm-start"]) == 0
    assert calls[0][0][1] == pathlib.Path("runs")
    assert calls[0][1] == {"verbose": True, "use_cache": False, "warm_start": True}


def test_report_prints_where_it_is(implementation, capsys):
    implementation("pipeline.report.report", "write", result=pathlib.Path("/runs/m/report.html"))
    assert cli.main(["report"]) == 0
    assert "/runs/m/report.html" in capsys.readouterr().out


def test_recommend_for_a_history(implementation):
    calls = implementation("pipeline.recommend", "main")
    assert (
        cli.main(
            [
                "recommend",
                "--history",
                "50, 172:881250949,tt:x",
                "--profile",
                "age=24,gender=M",
                "--at",
                "1998-03-01",
                "--exclude",
                "1,2",
                "--k",
                "5",
                "--stage",
                "two-stage",
                "--explain",
            ]
        )
        == 0
    )
    assert calls[0][1] == {
        "user": None,
        "history": (("50", None), ("172", 881250949), ("tt:x", None)),
        "profile": {"age": "24", "gender": "M"},
        "at": 888710400,
        "exclude": ("1", "2"),
        "exclude_seen": None,
        "k": 5,
        "stage": "two-stage",
        "explain": True,
        "as_json": False,
    }


def test_recommend_for_a_user(implementation):
    calls = implementation("pipeline.recommend", "main")
    assert cli.main(["recommend", "--user", "42", "--at", "893286638", "--json"]) == 0
    assert calls[0][1] == {
        "user": "42",
        "history": None,
        "profile": {},
        "at": 893286638,
        "exclude": (),
        "exclude_seen": None,
        "k": 10,
        "stage": None,
        "explain": False,
        "as_json": True,
    }


@pytest.mark.parametrize(
    ("option", "given"), [("--exclude-seen", True), ("--no-exclude-seen", False)]
)
def test_recommend_may_leave_out_items_of_the_history(implementation, option, given):
    calls = implementation("pipeline.recommend", "main")
    assert cli.main(["recommend", "--user", "42", option]) == 0
    assert calls[0][1]["exclude_seen"] is given


def test_recommend_for_an_empty_history(implementation):
    calls = implementation("pipeline.recommend", "main")
    assert cli.main(["recommend", "--history", ""]) == 0
    assert calls[0][1]["history"] == ()


def test_export_predictions(implementation):
    calls = implementation("pipeline.export_predictions", "export")
    assert (
        cli.main(
            ["export-predictions", "--stage", "recall", "--on", "valid", "--output", "out.tsv"]
        )
        == 0
    )
    assert calls[0][0][1:] == (pathlib.Path("runs"), "recall", "valid", pathlib.Path("out.tsv"))


def test_releases(implementation):
    calls = implementation("pipeline.releases", "show")
    assert cli.main(["releases", "--json", "--root", "there"]) == 0
    assert calls == [
        ((configuration.load("movielens-100k", []), pathlib.Path("there")), {"as_json": True})
    ]


@pytest.mark.parametrize(("arguments", "number"), [([], None), (["1795565736"], 1795565736)])
def test_rollback(implementation, arguments, number):
    calls = implementation("pipeline.releases", "rollback")
    assert cli.main(["rollback", *arguments]) == 0
    assert calls[0][0][1:] == (pathlib.Path("runs"), number)


def test_dataset_check(implementation):
    calls = implementation("pipeline.dataset_check", "main")
    assert cli.main(["dataset", "check", "-o", "features.max_history=50"]) == 0
    cfg = configuration.load("movielens-100k", ["features.max_history=50"])
    assert calls[0] == ((cfg,), {"as_json": False})
    assert cli.main(["dataset", "check", "--json"]) == 0
    assert calls[1][1] == {"as_json": True}


def test_dataset_draft(implementation, capsys):
    calls = implementation("pipeline.draft.command", "main")
    said = {"given": {}, "name": None, "output": None, "force": False}
    assert cli.main(["dataset", "draft", "a.csv", "b/"]) == 0
    assert calls[-1] == ((["a.csv", "b/"],), said)
    more = ["--events", "a.csv", "--name", "shop", "--output", "shop.yaml", "--force"]
    assert cli.main(["dataset", "draft", *more]) == 0
    assert calls[-1] == (
        ([],),
        {
            "given": {"events": "a.csv"},
            "name": "shop",
            "output": pathlib.Path("shop.yaml"),
            "force": True,
        },
    )
    with pytest.raises(SystemExit):
        cli.main(["dataset", "draft", "a.csv", "--name", "My Shop"])
    assert "expected small letters" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["dataset", "draft", "--help"])
    text = capsys.readouterr().out
    assert "examples:" in text and "recsys dataset draft clicks.csv" in text


def test_store(implementation):
    loaded, asked = (
        implementation("pipeline.store", "load"),
        implementation("pipeline.store", "status"),
    )
    cfg = configuration.load("movielens-100k", [])
    assert cli.main(["store", "load"]) == 0
    assert (
        cli.main(["store", "load", "--store", "redis://h:6379/0", "--replace", "--root", "there"])
        == 0
    )
    assert loaded == [
        ((cfg, pathlib.Path("runs")), {"url": None, "replace": False}),
        ((cfg, pathlib.Path("there")), {"url": "redis://h:6379/0", "replace": True}),
    ]
    assert cli.main(["store", "status", "--store", "sqlite:///a"]) == 0
    assert asked == [((cfg, pathlib.Path("runs")), {"url": "sqlite:///a"})]


def test_doctor_gets_the_arguments_unread(implementation):
    calls = implementation("pipeline.doctor", "main", result=1)
    assert cli.main(["doctor", "--config", "nope", "-o", "a=1"]) == 1
    assert calls[0][0] == ("nope", ["a=1"], pathlib.Path("runs"))


# --- errors ---


def test_a_wrong_configuration_is_one_line_and_exit_code_2(capsys):
    assert cli.main(["run", "--config", "movielens"]) == 2
    captured = capsys.readouterr()
    assert captured.err == (
        "recsys: movielens: neither a configuration of the package nor a file. "
        "Did you mean 'movielens-100k'?\n"
    )
    assert captured.out == ""


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("ml.inter:7: expected 4 fields, found 3"), 1, None),
        (FileNotFoundError("ml.inter: no such file"), 1, None),
        (
            NotADirectoryError(errno.ENOTDIR, "Not a directory", "out.tsv/x"),
            1,
            "out.tsv/x: Not a directory.",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "runs/shop"),
            1,
            "runs/shop: Permission denied. Check who may read it and enter its folder.",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            1,
            "No space left on device.",
        ),
        (strict.ConfigError("profile.agee: unknown column"), 2, None),
    ],
)
def test_a_declared_error_is_its_message(implementation, capsys, error, code, message):
    implementation("pipeline.run", "run", error=error)
    assert cli.main(["run"]) == code
    assert capsys.readouterr().err == f"recsys: {message or error}\n"


def test_output_that_nobody_reads_on_is_no_failure():
    """`recsys ... | head`: what prints gets a pipe that is closed."""
    code = (
        "import sys\nfrom pipeline import cli, commands\n"
        "commands.releases = lambda args: print('{}' * 100_000) or 0\n"
        "sys.exit(cli.main(['releases', '--json']))"
    )
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=closed, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (cli.EXIT_UNREAD, b"")


def test_verbose_shows_the_traceback(implementation, capsys):
    implementation("pipeline.run", "run", error=DataError("row 7"))
    assert cli.main(["run", "--verbose"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_bug_is_not_hidden(implementation):
    implementation("pipeline.run", "run", error=KeyError("item_id"))
    with pytest.raises(KeyError):
        cli.main(["run"])


def test_ctrl_c(implementation, capsys):
    implementation("pipeline.run", "run", error=KeyboardInterrupt())
    assert cli.main(["run"]) == 130
    assert (
        capsys.readouterr().err
        == "recsys: interrupted; the next run goes on after what had finished.\n"
    )


def test_what_came_before_an_error_is_before_it_in_a_file_of_both(monkeypatch):
    """Python keeps what goes into a file until there is much of it; errors go there at once."""

    def check(*_, **__):
        print("the report")
        raise DataError("the problems")

    log = io.BytesIO()
    monkeypatch.setattr(dataset_check, "main", check)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(log))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(log, write_through=True))
    assert cli.main(["dataset", "check"]) == cli.EXIT_FAILED
    assert log.getvalue().decode() == "the report\nrecsys: the problems\n"
