"""The folder of a run: who may use it, and what is said when it cannot be used."""

from __future__ import annotations

import pathlib

import pytest

from pipeline import runs


def test_one_process_at_a_time(tmp_path: pathlib.Path) -> None:
    place = runs.Run(tmp_path, "shop")
    with place.locked(), pytest.raises(runs.RunBusy, match="another process is running this pipeline"):
        with runs.Run(tmp_path, "shop").locked():
            pass
    with place.locked():  # free again
        pass


@pytest.mark.parametrize("root", ["a-file", "a-file/below", "/proc/nothing"])
def test_a_folder_that_cannot_be_made_is_one_message_with_the_remedy(tmp_path: pathlib.Path, root: str) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(runs.RunFolder, match=r"shop: cannot be made or written \(.+\)\. Choose .* --root\."):
        with runs.Run(tmp_path / root, "shop").locked():
            pass
