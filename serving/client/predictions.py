"""What both protocols of the models have in common: which model is asked, arrays in, arrays out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy import typing as npt

SIGNATURE = "serving_default"


class Options(TypedDict, total=False):
    """Which model of a name is asked, and for what."""

    signature: str  # default: serving_default
    version: int | None  # default: the newest that is served
    label: str | None  # of a version, such as stable; in the place of `version`
    output_filter: Sequence[str]  # outputs that are wanted; default: all


@dataclasses.dataclass(frozen=True)
class Target:
    """`Options` with a model's name; see there."""

    model: str
    signature: str = SIGNATURE
    version: int | None = None
    label: str | None = None
    output_filter: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.version is not None and self.label is not None:
            raise ValueError(
                f"{self.model}: found version {self.version} and label {self.label!r}, expected "
                "at most one of them."
            )


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model answers.

    Attributes:
      outputs: arrays by name; strings are bytes in arrays of objects.
      version: of the model that answered; None by REST, which does not say.
    """

    outputs: dict[str, npt.NDArray[Any]]
    version: int | None

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.outputs[name]


@dataclasses.dataclass(frozen=True)
class Version:
    """A model version on the server: its state, such as AVAILABLE, and the error if it failed."""

    version: int
    state: str
    error: str = ""


def arrays(inputs: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    """Inputs as arrays that a tensor can be made of.

    Arrays of numbers stay as they are. Lists of Python's numbers become float32 or int64, the types
    of the recommenders' inputs (empty lists float32; give an array where another type is meant).
    Texts become bytes in UTF-8.

    Raises:
      ValueError: rows of differing length, or other things among texts.
    """
    return {name: _array(name, value) for name, value in inputs.items()}


def _array(name: str, value: Any) -> npt.NDArray[Any]:
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind not in "USO":
        return np.asarray(value)
    cells = np.array(value, object)
    flat = cells.ravel().tolist()
    if any(isinstance(cell, (list, tuple, np.ndarray)) for cell in flat):
        raise ValueError(
            f"{name}: found rows of differing length; pad them to one length, with '' or NaN."
        )
    if any(isinstance(cell, (str, bytes)) for cell in flat) or isinstance(value, np.ndarray):
        return np.array([_bytes(name, cell) for cell in flat], object).reshape(cells.shape)
    numbers = np.array(value)
    return numbers.astype(np.float32) if numbers.dtype == np.float64 else numbers


def _bytes(name: str, cell: Any) -> bytes:
    if isinstance(cell, str):
        return cell.encode()
    if isinstance(cell, bytes):
        return cell
    raise ValueError(f"{name}: found {cell!r} among texts, expected texts or bytes only.")
