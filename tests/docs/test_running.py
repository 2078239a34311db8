"""What the documentation shows is run: commands, calls of the API, and Python.

A block that is not run says why in a comment before it, `<!-- not run: needs a cluster -->`. A
block that is neither run nor marked fails, and so does a mark on a block that is run as a whole.

What is changed to run it: `.venv/bin/recsys` is the one of these tests' environment; the addresses
of the servers (see `addresses`) are those of a small gateway and a small model server, whose shop
has other users and items; a `shop.yaml` is the YAML block with that name on the same page, with
small tables that have its columns.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

from pipeline import cli
from tests.docs import blocks, small_tables
from tests.serving import conftest as servers
from tests.serving import small_serving
from tests.serving.web import shop

RECSYS = pathlib.Path(sys.executable).with_name("recsys")
EVERY = blocks.every()


def is_call(words: list[str]) -> bool:
    return words[0] == "curl" and any(word.startswith("localhost:8080/") for word in words)


def is_check(words: list[str]) -> bool:
    """`recsys dataset check --config FILE`, as pages show it for their own YAML."""
    return re.fullmatch(r"(\.venv/bin/)?recsys dataset check --config \w+\.yaml", " ".join(words))


def is_run(block: blocks.Block) -> bool:
    """Whether a test below runs all of the block."""
    if block.language in blocks.SHELL:
        return all(is_call(words) or is_check(words) for words in block.commands)
    return block.language in blocks.RUNNABLE


def of(language: str) -> list[blocks.Block]:
    return [block for block in EVERY if block.language == language]


def lines(kind) -> list[pytest.param]:
    """(block, words) of the shell commands that `kind` is true of."""
    return [
        pytest.param(block, words, id=str(block))
        for block in EVERY
        if block.language in blocks.SHELL
        for words in block.commands
        if kind(words)
    ]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """By address in the documentation: one that answers, of servers of the small shop."""
    folder = tmp_path_factory.mktemp("documented")
    serving = small_serving.write(folder)
    with servers.serve(serving / "models.config") as models:
        grpc = models.grpc_address
        with shop.gateway(serving, folder / "gateway", grpc, grpc) as gateway:
            base = gateway.base
            yield {
                "http://127.0.0.1:8080": base,
                "localhost:8080": base.removeprefix("http://"),
                "127.0.0.1:8500": grpc,
            }


def replaced(text: str, addresses: dict[str, str]) -> str:
    for documented, real in addresses.items():
        text = text.replace(documented, real)
    return text


@pytest.mark.parametrize(
    "block", [one for one in EVERY if one.language in blocks.RUNNABLE], ids=str
)
def test_a_block_is_run_or_says_why_not(block):
    if is_run(block):
        assert not block.reason, "the block is run; remove the comment before it"
    else:
        assert block.reason, "mark it with <!-- not run: the reason --> on the line before it"


@pytest.mark.parametrize("block", of("console"), ids=str)
def test_a_console_shows_what_is_printed(block):
    for command, expected in block.prompts:
        program, _, arguments = command.partition(" ")
        assert program.removeprefix(".venv/bin/") == "recsys"
        done = subprocess.run(
            f"{RECSYS} {arguments}",
            shell=True,
            cwd=blocks.ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout == expected


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_python_runs(block, addresses, capsys, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    exec(compile(replaced(block.text, addresses), str(block), "exec"), {})
    if ".items" in block.text:
        assert "Item 5 " in capsys.readouterr().out  # the first one, whoever asks


@pytest.mark.parametrize(("block", "words"), lines(is_call))
def test_a_call_is_answered(block, words, addresses):
    command = [replaced(word, addresses) for word in words]
    done = subprocess.run(
        [command[0], "--silent", "--fail-with-body", "--noproxy", "*", *command[1:]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    if any(word.endswith("/v1/recommend") for word in words):
        assert answer["items"][0]["item_id"] == "m5" and answer["degraded"] == []


@pytest.mark.parametrize(("block", "words"), lines(is_check))
def test_a_shop_is_checked(block, words, tmp_path, monkeypatch, capsys):
    name = words[-1]
    text = next(
        one.text
        for one in blocks.read(block.page)
        if one.language == "yaml" and one.text.startswith(f"# {name}\n")
    )
    (tmp_path / name).write_text(text, encoding="utf-8")
    small_tables.write(yaml.safe_load(text), tmp_path)
    monkeypatch.chdir(tmp_path)
    assert cli.main(words[1:]) == 0
    shown = capsys.readouterr().out
    assert (
        f"{small_tables.USERS * small_tables.EVENTS} events of {small_tables.USERS} users" in shown
    )


def test_something_of_each_kind_is_run():
    """So that the tests above do not pass because nothing was found."""
    assert of("console") and of("python") and lines(is_call) and lines(is_check)
