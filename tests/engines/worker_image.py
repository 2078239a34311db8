"""The steps of Dockerfile.worker, carried out in a folder in place of an image."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

from tests.serving.deploy import files

DOCKERFILE = files.DEPLOY / "Dockerfile.worker"


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of a Dockerfile.

    Attributes:
      base: the image that it starts from.
      steps: instruction and rest of each line after that, continued lines joined.
    """

    base: str
    steps: tuple[tuple[str, str], ...]

    def environment(self) -> dict[str, str]:
        """Of ENV."""
        pairs = (pair for name, rest in self.steps if name == "ENV" for pair in shlex.split(rest))
        return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def stages() -> list[Stage]:
    """All stages of Dockerfile.worker."""
    text = re.sub(r"(?m)^#.*\n", "", DOCKERFILE.read_text()).replace("\\\n", " ")
    found: list[Stage] = []
    for line in filter(None, text.splitlines()):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append(Stage(rest.split()[0], ()))
        else:
            found[-1] = dataclasses.replace(found[-1], steps=(*found[-1].steps, (name, rest)))
    return found


def build(context: pathlib.Path, folder: pathlib.Path) -> None:
    """Carries out the first stage: `folder` stands for its WORKDIR.

    Args:
      context: what `recsys package` wrote.
      folder: made; the workers' environment afterwards.
    """
    stage = stages()[0]
    # a base image has its Python as `python`, and nothing of this checkout
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        **stage.environment(),
        "PATH": f"{sys.base_prefix}/bin:{os.environ['PATH']}",
    }
    environment.pop("VIRTUAL_ENV", None)
    for name, rest in stage.steps:
        if name == "COPY":
            assert rest == ". ."
            shutil.copytree(context, folder)
        elif name == "RUN":
            done = subprocess.run(
                ["sh", "-euc", rest],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=1800,
                check=False,
            )
            assert done.returncode == 0, f"{rest}: {done.stderr[-3000:]}"
        else:
            assert name in ("ENV", "WORKDIR"), name
