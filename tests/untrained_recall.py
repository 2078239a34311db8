"""A recall model of tests/transformed.py's data set, untrained, saved as the Trainer saves one."""

from __future__ import annotations

import functools
import pathlib

from modules import features, lineage
from modules.recall import export, trainer
from tests import transformed as transformed_lib


@functools.cache
def made(parent: pathlib.Path) -> pathlib.Path:
    """The folder of the SavedModel, below `parent`; once a session."""
    folder, transformed = parent / "untrained_recall", transformed_lib.made(parent)
    settings = transformed.settings()
    model = transformed.model(settings)
    model(transformed.batch(settings))  # makes its variables
    item_ids = trainer.vocabulary(transformed.output, features.ITEM_VOCABULARY)
    export.save(
        model,
        transformed.output,
        item_ids,
        str(folder),
        lineage.describe(transformed.graph, item_ids, "untrained"),
    )
    return folder
