"""The folder of a run: who may use it, and what is said when it cannot be used."""

from __future__ import annotations

import pathlib

import pytest

from pipeline import runs


def test_one_process_at_a_time(tmp_path: pathlib.Path) -> None:
    place = runs.Run(tmp_path, "shop")
    again = runs.Run(tmp_path, "shop").locked()
    with (
        place.locked(),
        pytest.raises(runs.RunBusy, match="another process is running this pipeline"),
    ):
        again.__enter__()
    with place.locked():  # free again
        pass


@pytest.mark.parametrize("root", ["a-file", "a-file/below", "/proc/nothing"])
def test_a_folder_that_cannot_be_made_says_the_remedy(tmp_path: pathlib.Path, root: str) -> None:
    (tmp_path / "a-file").touch()
    held = runs.Run(tmp_path / root, "shop").locked()
    with pytest.raises(
        runs.RunFolder, match=r"shop: cannot be made or written \(.+\)\. Choose .* --root\."
    ):
        held.__enter__()


@pytest.mark.parametrize("name", ["p [v2]", "a*b", "e?f"])
def test_a_folder_that_tfx_reads_as_a_glob_is_refused(tmp_path: pathlib.Path, name: str) -> None:
    held = runs.Run(tmp_path / name, "shop").locked()
    with pytest.raises(runs.RunFolder, match=r"read as a glob\. Choose another .* --root"):
        held.__enter__()
    assert not (tmp_path / name).exists()
