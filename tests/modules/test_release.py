"""Which release is in force, and what is never served: damaged files and mismatched pairs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import shutil

import pytest

from modules import lineage, model_server_config, release
from tests import small_release


@pytest.fixture
def serving(tmp_path: pathlib.Path) -> pathlib.Path:
    """One release, in force."""
    small_release.push(
        tmp_path / "serving", small_release.pair(tmp_path / "a"), small_release.facts()
    )
    return tmp_path / "serving"


def _only(serving: pathlib.Path) -> int:
    (number,) = release.ids(serving)
    return number


def _sha256(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_release_in_force(serving: pathlib.Path) -> None:
    number = _only(serving)
    found = release.in_force(serving)
    assert (found.id, found.recall, found.rank) == (
        number,
        serving / "recall" / str(number),
        serving / "rank" / str(number),
    )
    assert found.manifest is not None and found.manifest.lineage == small_release.LINEAGE
    graph = found.manifest.models["rank"]["saved_model.pb"]
    assert graph == release.File(
        len("graph of rank a"), hashlib.sha256(b"graph of rank a").hexdigest()
    )


def test_a_folder_that_was_moved_is_still_in_force(
    serving: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    moved = pathlib.Path(shutil.move(serving, tmp_path / "elsewhere"))
    assert release.in_force(moved).recall.parent == moved / "recall"


def test_the_digest_is_of_all_files_of_all_models(serving: pathlib.Path) -> None:
    manifest = release.manifest(serving, _only(serving))
    folders = [serving / name / str(manifest.release) for name in ("rank", "recall")]
    text = "".join(
        f"{folder.parent.name}/{path.relative_to(folder)} {_sha256(path)}\n"
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
    assert text.count("\n") == 8
    assert manifest.digest == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_file_that_was_cut_off_is_found(serving: pathlib.Path) -> None:
    path = serving / "rank" / str(_only(serving)) / "variables" / "variables.data-00000-of-00001"
    path.write_text(path.read_text()[:-1])
    with pytest.raises(
        release.ReleaseError, match=rf"{path}: has 15 bytes, expected 16.*recsys rollback ID"
    ):
        release.in_force(serving)


def test_a_file_that_was_changed_is_found(serving: pathlib.Path) -> None:
    path = serving / "recall" / str(_only(serving)) / "saved_model.pb"
    path.write_text(path.read_text().replace("a", "b"))
    with pytest.raises(release.ReleaseError, match=rf"{path}: its content is not what was pushed"):
        release.in_force(serving)


def test_a_missing_model_is_found(serving: pathlib.Path) -> None:
    shutil.rmtree(serving / "rank")
    with pytest.raises(release.ReleaseError, match=r"rank/\d+/\S+: is missing"):
        release.in_force(serving)


@pytest.mark.parametrize("field", ["transform", "catalogue", "recall"])
def test_a_pair_that_does_not_belong_together_is_refused_at_load(
    serving: pathlib.Path, field: str
) -> None:
    """The manifest agrees with the files, so only their lineage tells."""
    number = _only(serving)
    folder = serving / "rank" / str(number)
    lineage.write(str(folder), dataclasses.replace(small_release.LINEAGE, **{field: "other"}))
    path = serving / "releases" / f"{number}.json"
    plain = json.loads(path.read_text())
    plain["models"]["rank"] = {
        name: dataclasses.asdict(file) for name, file in release.describe_files(folder).items()
    }
    path.write_text(json.dumps(plain))
    with pytest.raises(
        release.ReleaseError, match=rf"its lineage has {field} other instead of {field}1"
    ):
        release.in_force(serving)


def test_the_lineage_of_the_manifest_has_to_be_that_of_the_models(serving: pathlib.Path) -> None:
    path = serving / "releases" / f"{_only(serving)}.json"
    path.write_text(path.read_text().replace("catalogue1", "catalogue2"))
    with pytest.raises(release.ReleaseError, match="its lineage is not that of the models"):
        release.in_force(serving)


@pytest.mark.parametrize("text", ["", "{}", "nonsense", '{"release": 1}'])
def test_a_manifest_that_cannot_be_read(serving: pathlib.Path, text: str) -> None:
    path = serving / "releases" / f"{_only(serving)}.json"
    path.write_text(text)
    with pytest.raises(release.ReleaseError, match=rf"{path}: cannot be read as a manifest"):
        release.in_force(serving)


def test_a_manifest_of_another_release(serving: pathlib.Path) -> None:
    (path,) = (serving / "releases").iterdir()
    shutil.copy(path, path.with_name("7.json"))
    with pytest.raises(release.ReleaseError, match="expected the manifest of release 7"):
        release.load(serving, 7)


def test_an_unknown_release(serving: pathlib.Path) -> None:
    with pytest.raises(
        release.ReleaseError, match=rf"no release 5, or not .* Known: {_only(serving)}\."
    ):
        release.load(serving, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "expected a ModelServerConfig"),
        (
            model_server_config.write({"recall": 1, "rank": 2}, pathlib.Path()),
            "the models of one release",
        ),
        (model_server_config.write({"rank": 2}, pathlib.Path()), "the models of one release"),
        ("", "the models of one release, found none"),
    ],
)
def test_a_pointer_that_names_no_release(serving: pathlib.Path, text: str, message: str) -> None:
    (serving / "models.config").write_text(text)
    with pytest.raises(
        release.ReleaseError, match=rf"models.config: .*{message}.*recsys rollback ID"
    ):
        release.in_force(serving)


def test_nothing_was_pushed(tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        release.NoRelease, match=r"no release has been pushed. Run `recsys run` first"
    ):
        release.in_force(tmp_path / "serving")


def test_a_folder_of_before_there_were_releases_still_serves(tmp_path: pathlib.Path) -> None:
    """Versions TFX's Pusher wrote; one without saved_model.pb was cut off, one is being pushed."""
    for version in ("9", "10", "30"):
        small_release.model(tmp_path / "recall" / version, version)
    (tmp_path / "recall" / "20").mkdir()
    (tmp_path / ".unfinished-30").mkdir()
    assert release.in_force(tmp_path) == release.Release(10, tmp_path / "recall" / "10", None, None)
