"""What `make test-engines` runs; `make test` passes it by, as it takes longer than all the rest."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

import pytest

from tests.e2e import small_shop
from tests.engines import processes, worker_image

collect_ignore_glob = [] if "RECSYS_ENGINES" in os.environ else ["test_*.py"]


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The workers' environment: as in their image, with the wheel and nothing of this checkout."""
    folder = tmp_path_factory.mktemp("worker")
    made = processes.recsys("package", "--output", str(folder / "dist"))
    assert made.returncode == 0, made.stderr
    worker_image.build(folder / "dist", folder / "image")
    return folder / "image"


@pytest.fixture(scope="session", params=[processes.LOCAL, processes.PRISM])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == processes.PRISM and processes.prism() is None:
        assert os.environ.get("CI") != "true", "Prism was not built; is Go there?"
        pytest.skip("Prism was not built, as Go is not there")
    return str(request.param)


@pytest.fixture(scope="session")
def engine(
    kind: str, worker: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[processes.Engine]:
    folder = tmp_path_factory.mktemp("engine") / "processes"
    with processes.running(kind, worker, folder) as found:
        yield found


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return small_shop.write(tmp_path_factory.mktemp("shop"))
