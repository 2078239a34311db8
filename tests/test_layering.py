"""The arrows between packages, read from every file's imports."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = ("modules", "pipeline", "serving", "schema", "benchmarks", "docs", "tests")
MAY_IMPORT = {
    "modules": {"modules", "schema"},
    "pipeline": {"modules", "pipeline", "serving", "schema"},
    "serving": {"modules", "serving"},
    "schema": {"schema"},
    "benchmarks": {"modules", "pipeline", "serving", "benchmarks"},
    "docs": {"modules", "pipeline", "serving", "docs"},
}
# Imported by the command line before it knows what is asked, or by workers that need no TensorFlow.
LIGHT = (
    "modules/__init__.py",
    "modules/environment.py",
    "modules/config.py",
    "modules/columns.py",
    "modules/data_config.py",
    "modules/formats.py",
    "modules/globs.py",
    "modules/ranking_config.py",
    "modules/rules.py",
    "modules/runner_config.py",
    "modules/training_config.py",
    "modules/strict.py",
    "modules/features.py",
    "pipeline/__init__.py",
    "pipeline/ablation/__init__.py",
    "pipeline/ablation/options.py",
    "pipeline/ablation/plan.py",
    "pipeline/generate/__init__.py",
    "pipeline/generate/options.py",
    "modules/generator/__init__.py",
    "modules/generator/shape.py",
    "pipeline/batch/__init__.py",
    "pipeline/batch/options.py",
    "pipeline/refresh/__init__.py",
    "pipeline/refresh/options.py",
    "pipeline/tuning/__init__.py",
    "pipeline/tuning/options.py",
    "pipeline/tuning/space.py",
    "modules/tuning_config.py",
    "pipeline/cli.py",
    "pipeline/commands.py",
    "pipeline/arguments.py",
    *sorted(
        f"pipeline/options/{file.name}" for file in (ROOT / "pipeline" / "options").glob("*.py")
    ),
    "pipeline/configuration.py",
    "pipeline/yaml_file.py",
    "pipeline/doctor.py",
)
LIGHT_PACKAGES = {"modules", "pipeline", "yaml"}


def _files(*packages: str) -> list[pathlib.Path]:
    return sorted(file for package in packages for file in (ROOT / package).rglob("*.py"))


def _imports(file: pathlib.Path, *, only_at_import: bool = False) -> Iterator[str]:
    """Dotted names that the file imports; with `only_at_import`, without those inside functions."""
    nodes = [ast.parse(file.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if only_at_import and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        nodes.extend(ast.iter_child_nodes(node))


def _package(name: str) -> str:
    return name.split(".")[0]


def test_there_are_files_to_look_at():
    assert {_package(str(f.relative_to(ROOT)).replace("/", ".")) for f in _files(*OURS)} >= {
        "modules",
        "pipeline",
        "serving",
        "tests",
    }


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_arrows(package):
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in _files(package)
        for name in _imports(file)
        if _package(name) in OURS and _package(name) not in MAY_IMPORT[package]
    ]
    assert wrong == []


def test_only_trainers_and_the_pipeline_import_tfx():
    importers = {
        str(file.relative_to(ROOT))
        for file in _files("modules", "serving")
        if any(_package(name) == "tfx" for name in _imports(file))
    }
    user_code = ("/trainer.py", "/tuner.py")  # that TFX calls
    assert {name for name in importers if not name.endswith(user_code)} == set()


def test_the_data_package_is_never_imported():
    importers = [
        file.name for file in _files(*OURS) if any(_package(n) == "recbole" for n in _imports(file))
    ]
    # benchmarks that run in RecBole's own environment
    assert importers == ["recbole_peers.py", "recbole_sasrec.py"]


def test_legacy_keras_is_switched_in_one_place():
    files = [file for file in _files(*OURS) if file != pathlib.Path(__file__)]
    setters = [
        str(file.relative_to(ROOT)) for file in files if "TF_USE_LEGACY_KERAS" in file.read_text()
    ]
    assert setters == ["modules/environment.py"]


def test_what_the_command_line_needs_first_is_light():
    import sys

    heavy = [
        f"{name} imports {imported}"
        for name in LIGHT
        for imported in _imports(ROOT / name, only_at_import=True)
        if _package(imported) not in LIGHT_PACKAGES | sys.stdlib_module_names
    ]
    assert heavy == []


def test_light_modules_import_only_light_modules_of_ours():
    light = {name.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for name in LIGHT}
    wrong = [
        f"{name} imports {imported}"
        for name in LIGHT
        for imported in _imports(ROOT / name, only_at_import=True)
        if _package(imported) in OURS and not {imported, imported.rpartition(".")[0]} & light
    ]
    assert wrong == []
