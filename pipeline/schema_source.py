"""A run's schema source: `data.schema`, else the package's schema/<name>, else the columns."""

from __future__ import annotations

import hashlib
import pathlib

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from modules import config, schemas
from modules.strict import ConfigError

PACKAGED = pathlib.Path(__file__).resolve().parent.parent / "schema"
GENERATED = "the schema made from the columns"


def schema_folder(cfg: config.Config) -> pathlib.Path | None:
    """The folder of the curated schema, or None where it has to be made from the columns."""
    if cfg.data.schema:
        return pathlib.Path(cfg.data.schema)
    packaged = PACKAGED / cfg.name
    return packaged if (packaged / schemas.FILE_NAME).is_file() else None


def describe(cfg: config.Config) -> str:
    """What messages call the schema."""
    folder = schema_folder(cfg)
    if folder is None:
        return GENERATED
    file = folder / schemas.FILE_NAME
    return str(file.relative_to(PACKAGED.parent)) if file.is_relative_to(PACKAGED) else str(file)


def load(file: pathlib.Path) -> schema_pb2.Schema:
    """Reads a schema.

    Raises:
      ConfigError: there is no such file, or it is no schema.
    """
    try:
        return text_format.Parse(file.read_text(encoding="utf-8"), schema_pb2.Schema())
    except OSError as error:
        raise ConfigError(
            f"data.schema: cannot read {file} ({error.strerror}); expected a folder that holds "
            f"{schemas.FILE_NAME}."
        ) from None
    except text_format.ParseError as error:
        raise ConfigError(f"{file}: {error}; expected a TFDV schema in text format.") from None


def materialise(cfg: config.Config, folder: pathlib.Path) -> pathlib.Path:
    """Writes the schema of a run into `folder`, for ImportSchemaGen.

    TFX caches by the file's name, not by its content, so the name holds a digest of the content.

    Returns:
      The file; the same for the same schema.

    Raises:
      ConfigError: the curated schema does not fit the columns.
    """
    curated = schema_folder(cfg)
    if curated is None:
        text = text_format.MessageToString(schemas.from_config(cfg.data))
    else:
        text = _checked(curated / schemas.FILE_NAME, cfg)
    target = folder / f"schema-{hashlib.sha256(text.encode()).hexdigest()[:16]}.pbtxt"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
    return target


def _checked(file: pathlib.Path, cfg: config.Config) -> str:
    """The text of a curated schema that fits the columns."""
    schema = load(file)
    is_changed = schemas.complete(schema, cfg.data)
    found = schemas.differences(schema, cfg.data)
    if found:
        listed = "\n".join(f"  - {line}" for line in found)
        raise ConfigError(
            f"{describe(cfg)} does not fit the columns of data; correct either of them, or "
            f"name the folder of another schema in data.schema:\n{listed}"
        )
    if is_changed:
        completed: str = text_format.MessageToString(schema)
        return completed
    return file.read_text(encoding="utf-8")
