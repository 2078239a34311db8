"""What is asked: users of the history store, each at the time of the last event."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import pathlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import orjson

from benchmarks.serving import clients
from modules import catalogue, model_server_config, release, signatures
from pipeline import release_writer, runs
from serving import tensors
from serving.gateway import columns, users, wire
from serving.history import store
from serving.protos import serving_pb2

USERS = 64
_SEED = 1
ITEMS = 10  # of a recommendation


@dataclasses.dataclass(frozen=True)
class Setup:
    """A copy of a run: what the servers read, and what changes while they are measured.

    Attributes:
      serving: the serving folder, with the one release `first`.
      store: URL of the history store.
      about: of the release.
      logs: folder for the servers' logs.
    """

    serving: pathlib.Path
    store: str
    about: catalogue.About
    first: int
    logs: pathlib.Path

    @classmethod
    def copy(cls, run: runs.Run, folder: pathlib.Path, config: str) -> Setup:
        """Copies the release in force and the store; without one, `recsys store load` makes it."""
        found = release.in_force(run.serving)
        copied = runs.Run(folder, run.folder.name)
        copied.serving.mkdir(parents=True)
        for path in filter(None, (found.recall, found.rank)):
            shutil.copytree(path, copied.serving / path.relative_to(run.serving))
        manifest = pathlib.Path(release.MANIFESTS) / f"{found.id}.json"
        (copied.serving / manifest).parent.mkdir()
        shutil.copy(run.serving / manifest, copied.serving / manifest)
        shutil.copy(run.serving / release.POINTER, copied.serving / release.POINTER)
        release_writer.repoint(copied.serving)
        database = copied.folder / "history.sqlite"
        if (run.folder / database.name).exists():
            _copy_database(run.folder / database.name, database)
        else:
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "pipeline.cli",
                    "store",
                    "load",
                    "--config",
                    config,
                    "--root",
                    str(folder),
                ],
                check=True,
            )
        (logs := folder / "logs").mkdir()
        about = catalogue.About.read(found.recall)
        return cls(copied.serving, f"sqlite:///{database}", about, found.id, logs)

    def push(self) -> int:
        """Pushes the same models as a new release and returns its id."""
        known = release.manifest(self.serving, self.first)
        facts = release_writer.Facts(
            **{
                field.name: getattr(known, field.name)
                for field in dataclasses.fields(release_writer.Facts)
            }
        )
        models = {name: str(self.serving / name / str(self.first)) for name in known.models}
        extra = pathlib.Path(models[release.RECALL]) / catalogue.FOLDER
        return release_writer.push(self.serving, models, facts, catalogue=str(extra)).release


def _copy_database(source: pathlib.Path, target: pathlib.Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as opened,
        contextlib.closing(sqlite3.connect(target)) as copied,
    ):
        opened.backup(copied)


@dataclasses.dataclass(frozen=True)
class Requests:
    """Requests of the same users, encoded.

    Attributes:
      recommend: bodies for the gateway.
      recall: messages for the recall model.
      rank: messages for the rank model, which orders what recall answered.
      candidates: of a rank request.
    """

    recommend: list[bytes]
    recall: list[bytes]
    rank: list[bytes]
    candidates: int

    @classmethod
    async def make(cls, setup: Setup, models: clients.Models) -> Requests:
        """Asks recall once for each user."""
        asked = await _users(setup)
        recommend = _bodies(asked, setup.about)
        recall = [_recall_request(found, setup.about) for _, found in asked]
        answers = await asyncio.gather(*map(models.predict, recall))
        rank = [clients.rank_request(*both) for both in zip(recall, answers)]
        return cls(
            recommend, recall, rank, answers[0].outputs[signatures.ITEM_ID].tensor_shape.dim[1].size
        )


def bodies(setup: Setup) -> list[bytes]:
    """Requests to the gateway, one a user."""
    return _bodies(asyncio.run(_users(setup)), setup.about)


def _bodies(asked: Sequence[tuple[str, columns.Asked]], about: catalogue.About) -> list[bytes]:
    return [
        orjson.dumps({"user_id": user_id, "k": ITEMS, **_moment(found, about)})
        for user_id, found in asked
    ]


def _moment(asked: columns.Asked, about: catalogue.About) -> dict[str, int]:
    """The request's time, where there are times."""
    return {} if about.data.events.is_timeless else {"timestamp": asked.timestamp}


async def _users(setup: Setup) -> list[tuple[str, columns.Asked]]:
    """Some users, and what the models are told of each."""
    opened = store.connect(setup.store, setup.about.history_events)
    await opened.open()
    try:
        known = await opened.users("", 10_000)
        chosen = (
            np.random.default_rng(_SEED)
            .choice(known, min(USERS, len(known)), replace=False)
            .tolist()
        )
        found = [(user_id, await opened.user(user_id)) for user_id in chosen]
    finally:
        await opened.close()
    declared = columns.Columns(setup.about)
    return [
        (
            user_id,
            users.Person(True, user.profile, {}, user.events).asked(
                wire.Recommend.model_validate({"timestamp": user.events[-1].timestamp}), declared
            ),
        )
        for user_id, user in found
        if user is not None and user.events
    ]


def _recall_request(asked: columns.Asked, about: catalogue.About) -> bytes:
    """The message that the gateway sends for this user."""
    made = serving_pb2.PredictRequest(output_filter=[signatures.ITEM_ID, signatures.SCORE])
    made.model_spec.name, made.model_spec.version_label = release.RECALL, model_server_config.LABEL
    for name, array in columns.Columns(about).arrays(asked).items():
        made.inputs[name].CopyFrom(tensors.encode(array))
    content: bytes = made.SerializeToString()
    return content
