"""Paths as people write them: what is there under the very name, and a glob in the rest."""

from __future__ import annotations

import os

_CHARACTERS = "*?["


def divided(path: str) -> tuple[str, str]:
    """A path on this machine as a folder or file, and the glob inside the folder.

    A folder called `data [v2]` is that folder, though a glob could be read in its name; so is each
    part of a path before a glob.

    Returns:
      What is there under the very name, and the glob; it is empty where the path has none.
    """
    if os.path.exists(path):
        return path, ""
    parts = path.split("/")
    for count in range(len(parts) - 1, 0, -1):
        folder = "/".join(parts[:count]) or "/"
        if os.path.isdir(folder):
            pattern = "/".join(parts[count:])
            return (folder, pattern) if _is_glob(pattern) else (path, "")
    return (".", path) if _is_glob(path) else (path, "")


def _is_glob(text: str) -> bool:
    return any(character in text for character in _CHARACTERS)
