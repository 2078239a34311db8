"""The hook of MkDocs: adds the generated pages, and puts them into the navigation."""

from __future__ import annotations

import pathlib
from typing import Any

from mkdocs.config import defaults
from mkdocs.structure import files as mkdocs_files
from mkdocs.structure import pages as mkdocs_pages

from docs.hooks import api_page, configuration_page, included_pages, reference_pages

_MEASUREMENTS, _REFERENCE, _PROJECT = "Measurements", "Code reference", "Project"
_CONFIGURATION, _API = "configuration.md", "api.md"


def on_config(config: defaults.MkDocsConfig) -> None:
    """Completes the entries of the navigation that are lists of generated pages."""
    root = _root(config)
    reference = [
        path if path.endswith("/index.md") else {path.split("/")[1].removesuffix(".md"): path}
        for path in reference_pages.make(root)
    ]
    measured: list[dict[str, str]] = []
    project: list[dict[str, str]] = []
    for name, page in included_pages.pages(root).items():
        if page in str(config.nav):
            continue
        entry = {included_pages.title((root / name).read_text(encoding="utf-8")): page}
        (measured if page.startswith("benchmarks/") else project).append(entry)
    lists: dict[str, list[Any]] = {
        _REFERENCE: reference,
        _MEASUREMENTS: measured,
        _PROJECT: project,
    }
    for entry in config.nav or ():
        for name in entry.keys() & lists.keys() if isinstance(entry, dict) else ():
            entry[name] = lists[name]


def on_files(files: mkdocs_files.Files, config: defaults.MkDocsConfig) -> mkdocs_files.Files:
    """Adds the pages."""
    root = _root(config)
    texts = {_CONFIGURATION: configuration_page.make(), _API: api_page.make()}
    texts |= reference_pages.make(root)
    sources = included_pages.pages(root)
    for source, page in sources.items():
        text = (root / source).read_text(encoding="utf-8")
        texts[page] = included_pages.with_links(text, source, page, root)
    for path, text in texts.items():
        files.append(mkdocs_files.File.generated(config, path, content=text))
    for image in included_pages.images(root, sources):
        file = str(root / image)
        files.append(mkdocs_files.File.generated(config, image, abs_src_path=file))
    return files


def on_page_markdown(
    markdown: str,
    page: mkdocs_pages.Page,
    config: defaults.MkDocsConfig,
    files: mkdocs_files.Files,  # noqa: ARG001 - MkDocs gives it by this name
) -> str:
    """Lets a page link to any file of the repository."""
    if page.file.generated_by:
        return markdown
    uri = page.file.src_uri
    return included_pages.with_links(markdown, f"docs/{uri}", uri, _root(config))


def _root(config: defaults.MkDocsConfig) -> pathlib.Path:
    """The folder of the repository."""
    return pathlib.Path(config.config_file_path).parent
