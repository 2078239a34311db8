"""A release: the recall model and the rank model that are served together, or recall alone.

  serving/recall/<id>/, serving/rank/<id>/   the SavedModels, as TensorFlow Serving reads them
  serving/releases/<id>.json                 the manifest: which files, made of what, how good
  serving/models.config                      the release in force, as TensorFlow Serving's
                                             --model_config_file
  serving/.unfinished-<id>/                  only while one is pushed or deleted, or after a process
                                             that died

`models.config` alone decides what is in force. It is replaced as the last step of a push, at once,
so both models of a release take effect or neither. What a push or a deletion that has not finished
leaves is no release.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import re
from collections.abc import Iterator, Mapping

from modules import lineage, model_server_config, strict

RECALL, RANK = "recall", "rank"
POINTER = "models.config"
MANIFESTS = "releases"
UNFINISHED = ".unfinished-"
_DIGESTS = tuple(field.name for field in dataclasses.fields(lineage.Lineage))
_CHUNK = 1 << 20  # bytes
_REMEDY = (
    "Put another release in force with `recsys rollback ID` (`recsys releases` lists them), or "
    "make a new one with `recsys run`."
)


class ReleaseError(ValueError):
    """A release that must not be served.

    The message says which file, what is wrong and the remedy.
    """


class NoRelease(LookupError):
    """No release is in force."""


@dataclasses.dataclass(frozen=True)
class File:
    """A file of a model."""

    size: int  # bytes
    sha256: str


@dataclasses.dataclass(frozen=True)
class Made:
    """An artifact of the pipeline that went into the release."""

    uri: str
    id: int  # in ML Metadata


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A metric with its standard error."""

    value: float
    se: float | None = None


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What is known of a release.

    Attributes:
      release: its id, which is also the version of its models.
      created: when, ISO 8601 in UTC.
      name: of the configuration.
      versions: of the packages that made it.
      lineage: the digests that its models share (see lineage.py).
      models: per model, the files by path inside its folder.
      metrics: by split, system (`recall`, `two_stage`) and metric.
      artifacts: what was pushed and what judged it, by input of the pusher.
      config_digest: of the configuration that the models follow from.
      source_digest: of the sources that the models follow from.
      refreshed: the release whose models these are with another catalogue, and whose metrics and
          artifacts it names; None for models as they were trained.
    """

    release: int
    created: str
    name: str
    versions: dict[str, str]
    lineage: lineage.Lineage
    models: dict[str, dict[str, File]]
    metrics: dict[str, dict[str, dict[str, Estimate]]]
    artifacts: dict[str, Made]
    config_digest: str
    source_digest: str
    refreshed: int | None = None

    @property
    def digest(self) -> str:
        """Of all files of all models."""
        lines = [
            f"{model}/{path} {file.sha256}\n"
            for model, files in sorted(self.models.items())
            for path, file in sorted(files.items())
        ]
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]

    def to_text(self) -> str:
        return json.dumps(strict.to_plain(self), indent=1)


@dataclasses.dataclass(frozen=True)
class Release:
    """Models that belong together, checked.

    Attributes:
      id: the version of the models.
      recall: folder of the SavedModel.
      rank: folder of the SavedModel; None in a release of recall alone.
      manifest: None for a model that an earlier version of this project pushed, without one.
    """

    id: int
    recall: pathlib.Path
    rank: pathlib.Path | None
    manifest: Manifest | None


def in_force(serving: pathlib.Path) -> Release:
    """The release in force, checked as `load` does.

    A folder without `models.config` holds recall models of an earlier version of this project, or
    nothing; the newest of them is in force, as TensorFlow Serving chooses by itself.

    Raises:
      NoRelease: nothing has been pushed.
      ReleaseError: it must not be served.
    """
    number = current(serving)
    if number is not None:
        return load(serving, number)
    unfinished = unfinished_ids(serving)
    older = [
        n
        for n in numbers(serving / RECALL)
        if n not in unfinished and (serving / RECALL / str(n) / "saved_model.pb").is_file()
    ]
    if not older:
        raise NoRelease(
            f"{serving}: no release has been pushed. Run `recsys run` first; if it has run, its "
            "models were not blessed: `recsys report` says why."
        )
    return Release(max(older), serving / RECALL / str(max(older)), None, None)


def current(serving: pathlib.Path) -> int | None:
    """The id that `models.config` names; None where there is no such file.

    Raises:
      ReleaseError: the file cannot be read, or names models of several releases.
    """
    path = serving / POINTER
    try:
        versions = model_server_config.read(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:  # also of bytes that are no text
        raise ReleaseError(f"{path}: {error} {_REMEDY}") from None
    if RECALL not in versions or len(set(versions.values())) != 1:
        raise ReleaseError(
            f"{path}: expected the models of one release, found {versions or 'none'}. {_REMEDY}"
        )
    return versions[RECALL]


def current_if_readable(serving: pathlib.Path) -> int | None:
    """As `current`; None also where `models.config` cannot be used."""
    try:
        return current(serving)
    except ReleaseError:
        return None


def load(serving: pathlib.Path, number: int) -> Release:
    """A release of the folder, after its files and its lineage have been checked.

    Raises:
      ReleaseError: there is no such release, files are missing or not those of the manifest, or the
          models do not belong together.
    """
    found = manifest(serving, number)
    folders = {name: serving / name / str(number) for name in found.models}
    for name, folder in folders.items():
        if problem := next(differences(folder, found.models[name], thorough=True), None):
            raise ReleaseError(f"{problem} {_REMEDY}")
    if check_lineage(folders) != found.lineage:
        raise ReleaseError(
            f"{_manifest_path(serving, number)}: its lineage is not that of the models. {_REMEDY}"
        )
    return Release(number, folders[RECALL], folders.get(RANK), found)


def manifest(serving: pathlib.Path, number: int) -> Manifest:
    """Reads a manifest.

    Raises:
      ReleaseError: there is no such release, or its manifest cannot be used.
    """
    path = _manifest_path(serving, number)
    if number not in ids(serving):
        known = ", ".join(map(str, ids(serving))) or "none"
        raise ReleaseError(
            f"{serving}: there is no release {number}, or not any more (`releases.keep` in "
            f"the configuration says how many are kept). Known: {known}."
        )
    try:
        found = strict.read(Manifest, json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, OSError) as error:  # strict.ConfigError is a ValueError
        raise ReleaseError(f"{path}: cannot be read as a manifest ({error}). {_REMEDY}") from None
    if found.release != number or RECALL not in found.models:
        raise ReleaseError(
            f"{path}: expected the manifest of release {number} with a recall model, found "
            f"that of {found.release} with {', '.join(found.models) or 'none'}. {_REMEDY}"
        )
    return found


def ids(serving: pathlib.Path) -> list[int]:
    """All releases, the oldest first; without those whose push or deletion did not finish."""
    # the push of the release in force may have died after it took effect
    unfinished = set(unfinished_ids(serving)) - {current_if_readable(serving)}
    return sorted(set(numbers(serving / MANIFESTS, ".json")) - unfinished)


def unfinished_ids(serving: pathlib.Path) -> list[int]:
    """Ids of pushes and deletions that are under way or died."""
    names = [path.name for path in serving.iterdir()] if serving.is_dir() else []
    return sorted(
        int(n.removeprefix(UNFINISHED)) for n in names if re.fullmatch(rf"{UNFINISHED}\d+", n)
    )


def numbers(folder: pathlib.Path, suffix: str = "") -> list[int]:
    """The files or folders that are called like a release."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(
        int(n.removesuffix(suffix)) for n in names if re.fullmatch(rf"\d+{re.escape(suffix)}", n)
    )


def describe_files(folder: pathlib.Path) -> dict[str, File]:
    """All files below a folder by path, with size and digest."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): File(path.stat().st_size, _sha256(path))
        for path in paths
    }


def differences(
    folder: pathlib.Path, files: Mapping[str, File], *, thorough: bool
) -> Iterator[str]:
    """A sentence on each file not as the manifest says; contents are read only if `thorough`."""
    for name, file in files.items():
        path = folder / name
        if not path.is_file():
            yield f"{path}: is missing."
        elif path.stat().st_size != file.size:
            yield (
                f"{path}: has {path.stat().st_size} bytes, expected {file.size}; "
                "it was cut off or changed."
            )
        elif thorough and _sha256(path) != file.sha256:
            yield f"{path}: its content is not what was pushed (SHA-256 {file.sha256[:16]}...)."


def check_lineage(folders: Mapping[str, pathlib.Path]) -> lineage.Lineage:
    """Returns the lineage that all models share.

    Args:
      folders: of SavedModels, by name.

    Raises:
      ReleaseError: a model has no lineage, or two were not made of the same transform graph,
          catalogue or recall model.
    """
    try:
        shared = lineage.read(str(folders[RECALL]))
        for folder in folders.values():
            subject = (
                f"{folder}: was trained for other data, or beside another model than "
                f"{folders[RECALL]}"
            )
            lineage.check_same(shared, lineage.read(str(folder)), subject, _DIGESTS)
    except lineage.LineageError as error:
        raise ReleaseError(str(error)) from None
    return shared


def _manifest_path(serving: pathlib.Path, number: int) -> pathlib.Path:
    return serving / MANIFESTS / f"{number}.json"


def _sha256(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
