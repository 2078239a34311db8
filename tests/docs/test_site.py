"""The site as a whole: it builds without a warning, and needs nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from docs.hooks import included_pages, reference_pages
from tests.docs import blocks

FETCHED = re.compile(
    r"<(?:script|img|iframe)[^>]+src=\"?(?:https?:)?//"
    r"|<link[^>]+rel=\"?(?:stylesheet|preconnect)[^>]+href=\"?(?:https?:)?//"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=blocks.ROOT,
        env={"NO_MKDOCS_2_WARNING": "true", "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    return folder


def test_the_site_has_all_pages(site):
    for page in sorted((blocks.ROOT / "docs").glob("*.md")):
        assert (site / f"{page.stem}.html").is_file()
    for name in ("configuration", "api", "contributing", "changelog", "reference/serving.client"):
        assert (site / f"{name}.html").is_file()
    assert not (site / "hooks").exists()


def test_generated_pages_are_filled(site):
    assert 'id="training.epochs"' in (site / "configuration.html").read_text(encoding="utf-8")
    assert 'id="post-v1-recommend"' in (site / "api.html").read_text(encoding="utf-8")
    reference = (site / "reference" / "serving.client.html").read_text(encoding="utf-8")
    assert 'id="serving.client.recommender.Recommender.recommend"' in reference
    entries = re.findall(r'class="md-ellipsis">\s*([^<]*[^<\s])', reference)
    assert {"modules", "modules.index", "serving.client", "Contributing"} <= set(entries)


def test_pages_fetch_nothing_from_elsewhere(site):
    assert FETCHED.search('<script defer src="https://a.example/b.js">')
    assert FETCHED.search('<link rel="stylesheet" href="//a.example/b.css">')
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    assert [page for page in pages if FETCHED.search(page.read_text(encoding="utf-8"))] == []


def test_the_reference_has_every_public_module():
    pages = reference_pages.make(blocks.ROOT)
    text = "".join(pages.values())
    named = set(re.findall(r"^::: (\S+)$", text, re.MULTILINE))
    files = [
        file
        for top in ("modules", "pipeline", "serving")
        for file in (blocks.ROOT / top).rglob("*.py")
        if not file.name.startswith("_") and not file.name.endswith("_pb2.py")
    ]
    dotted = {
        ".".join(file.relative_to(blocks.ROOT).with_suffix("").parts)
        for file in files
        if (file.parent / "__init__.py").exists()
    }
    assert dotted - named == set() and "serving.client" in named
    assert [name for name in named if "__main__" in name or "_pb2" in name] == []


@pytest.fixture
def repository(tmp_path):
    for name, text in {
        "CONTRIBUTING.md": "# Contributing",
        "benchmarks/README.md": "# Measured\n![a picture](a/b.png)",
        "benchmarks/index.md": "# Of an index",
        "benchmarks/serving/README.md": "# Of servers",
        "benchmarks/a/b.png": "",
        "setup.py": "",
        "docs/index.md": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_files_that_become_pages(repository):
    found = included_pages.pages(repository)
    assert found == {
        "CONTRIBUTING.md": "contributing.md",
        "benchmarks/README.md": "benchmarks/index.md",
        "benchmarks/index.md": "benchmarks/index_bodies.md",
        "benchmarks/serving/README.md": "benchmarks/serving.md",
    }
    assert included_pages.images(repository, found) == ["benchmarks/a/b.png"]
    assert included_pages.title("\n# The `best` page\n\n# x") == "The best page"


@pytest.mark.parametrize(
    ("source", "page", "link", "expected"),
    [
        ("CONTRIBUTING.md", "contributing.md", "[x](docs/index.md#a)", "[x](index.md#a)"),
        ("CONTRIBUTING.md", "contributing.md", "[x](setup.py)", "x"),
        ("CONTRIBUTING.md", "contributing.md", "[x](nothing.md)", "[x](nothing.md)"),
        (
            "CONTRIBUTING.md",
            "contributing.md",
            "[x](https://a.example/b)",
            "[x](https://a.example/b)",
        ),
        ("docs/index.md", "index.md", "[x](../CONTRIBUTING.md)", "[x](contributing.md)"),
        ("docs/index.md", "index.md", "[x](#here)", "[x](#here)"),
        ("docs/index.md", "index.md", "`[x](../setup.py)`", "`[x](../setup.py)`"),
        ("docs/index.md", "index.md", "```\n[x](../setup.py)\n```", "```\n[x](../setup.py)\n```"),
        (
            "benchmarks/README.md",
            "benchmarks/index.md",
            "![x](a/b.png) [y](../CONTRIBUTING.md)",
            "![x](a/b.png) [y](../contributing.md)",
        ),
    ],
)
def test_links_between_files_become_links_between_pages(repository, source, page, link, expected):
    assert included_pages.with_links(link, source, page, repository) == expected
