"""What the documentation shows is true of the code; nothing is run here.

Configurations are accepted, commands are understood, keys exist, links lead somewhere.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import shlex

import pytest
import yaml

from docs.hooks import config_keys
from modules import config
from pipeline import cli, configuration
from tests.docs import blocks

# Where a number or a folder stands for any.
PLACEHOLDERS = {"ID": "1", "[ID]": "1", "RELEASE": "1"}
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
TOP_LEVEL = sorted(blocks.ROOT.glob("*.md"))
TARGETS = set(
    re.findall(r"(?m)^([a-z-]+):", (blocks.ROOT / "Makefile").read_text(encoding="utf-8"))
)
SECTIONS = [field.name for field in dataclasses.fields(config.Config) if field.name != "name"]
A_KEY = re.compile(rf"(?:-o )?((?:{'|'.join(SECTIONS)})(?:\.[a-z]\w*)+)(?:[:=\[ ].*)?")
A_FILE = re.compile(r".*\.(py|json|md|yaml|html|config)")


def configurations() -> list[blocks.Block]:
    """YAML blocks that are a whole configuration."""
    found = [block for block in blocks.every() if block.language == "yaml"]
    return [block for block in found if "data" in (yaml.safe_load(block.text) or {})]


def commands() -> list[tuple[str, list[str]]]:
    """(where, words) of every command of a block, and of inline code that is one."""
    found = []
    for block in blocks.every():
        if block.language in blocks.SHELL:
            found += [(str(block), words) for words in block.commands]
        if block.language == "console":
            found += [(str(block), shlex.split(command)) for command, _ in block.prompts]
    for page in blocks.PAGES:
        for code in blocks.inline(page):
            if re.match(r"(\.venv/bin/)?(recsys|python -m|make) ", code):
                words = shlex.split(code)
                named_only = not any(word.startswith("-") for word in words)
                found.append((page.name, [*words, "--help"] if named_only else words))
    return found


def of_program(name: str) -> list[pytest.param]:
    """The words after a program's name, of every command that calls it."""
    found = [
        (where, words[1:])
        for where, words in commands()
        if words[0].removeprefix(".venv/bin/") == name
    ]
    return [pytest.param(words, id=f"{where} {' '.join(words)}") for where, words in found]


@pytest.mark.parametrize("block", configurations(), ids=str)
def test_a_configuration_is_accepted(block, tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text(block.text, encoding="utf-8")
    assert configuration.load(str(file)).name == yaml.safe_load(block.text)["name"]


@pytest.mark.parametrize("words", of_program("recsys"))
def test_a_recsys_command_is_understood(words, capsys):
    filled = [PLACEHOLDERS.get(word, word) for word in words if word != "..."]
    if "--help" in filled or "--version" in filled:
        with pytest.raises(SystemExit) as stop:
            cli.parser().parse_args(filled)
        assert stop.value.code == 0, capsys.readouterr().err
    else:
        assert callable(cli.parser().parse_args(filled).command)


@pytest.mark.parametrize("words", of_program("make"))
def test_a_make_target_exists(words):
    assert {word for word in words if word != "--help"} <= TARGETS


@pytest.mark.parametrize("words", of_program("python"))
def test_a_module_to_run_exists(words):
    assert words[0] == "-m"
    name = words[1]
    found = importlib.util.find_spec(name)
    assert found is not None
    if found.submodule_search_locations is not None:
        assert importlib.util.find_spec(f"{name}.__main__") is not None


@pytest.mark.parametrize("page", TOP_LEVEL, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    text = page.read_text(encoding="utf-8")
    targets = [target.partition("#")[0] for target in LINK.findall(text)]
    local = [target for target in targets if target and not re.match(r"[a-z]+:", target)]
    assert [target for target in local if not (page.parent / target).exists()] == []


def mentioned_keys() -> list[str]:
    """Keys of the configuration that inline code names, as in `training.epochs` or `index.k: 5`."""
    found = set()
    for page in blocks.PAGES:
        found |= {key[1] for code in blocks.inline(page) if (key := A_KEY.fullmatch(code))}
    return sorted(key for key in found if not A_FILE.fullmatch(key))


@pytest.mark.parametrize("key", mentioned_keys())
def test_a_key_exists(key):
    known = [one.path for part in config_keys.read(config.Config, {}).walk() for one in part.keys]
    patterns = [re.escape(path).replace(config_keys.ANY_NAME, "[^.]+") for path in known]
    assert any(re.fullmatch(pattern, key) for pattern in patterns)


def test_all_kinds_of_blocks_are_found():
    """So that the tests above do not pass because nothing was found."""
    assert len(configurations()) >= 2
    assert len(of_program("recsys")) >= 10 and len(of_program("make")) >= 3
    assert LINK.search((blocks.ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(mentioned_keys()) >= 20
    kinds = {block.language for block in blocks.read(blocks.ROOT / "README.md")}
    assert kinds >= {"sh", "yaml", "console", "python"}


def test_how_a_page_is_read(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "text `make x`\n\n<!-- not run: needs a cluster -->\n```sh\na --b 'c d' \\\n  e  # f\n"
        "\ng\n```\n- list\n\n  ```console\n  $ x\n  y\n  z\n  $ w\n  ```\n",
        encoding="utf-8",
    )
    shell, console = blocks.read(page)
    assert (shell.language, shell.line, shell.reason) == ("sh", 4, "needs a cluster")
    assert shell.commands == [["a", "--b", "c d", "e"], ["g"]]
    assert (console.reason, console.prompts) == ("", [("x", "y\nz\n"), ("w", "")])
    assert list(blocks.inline(page)) == ["make x"]
