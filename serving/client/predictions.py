"""What both protocols of the models have in common: which model is asked, arrays in, arrays out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

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
            raise ValueError(f"{self.model}: found version {self.version} and label {self.label!r}, expected "
                             "at most one of them.")


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model answers.

    Attributes:
      outputs: arrays by name; strings are bytes in arrays of objects.
      version: of the model that answered; None by REST, which does not say.
    """

    outputs: dict[str, np.ndarray]
    version: int | None

    def __getitem__(self, name: str) -> np.ndarray:
        return self.outputs[name]


@dataclasses.dataclass(frozen=True)
class Version:
    """A version of a model that the server has: its state, such as AVAILABLE, and the error if it failed."""

    version: int
    state: str
    error: str = ""


def arrays(inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Inputs as arrays that a tensor can be made of.

    Arrays of numbers stay as they are. Lists of Python's numbers become float32 or int64, the types of the
    recommenders' inputs (empty lists float32; give an array where another type is meant). Texts become bytes
    in UTF-8.

    Raises:
      ValueError: rows of differing length, or other things among texts.
    """
    return {name: _array(name, value) for name, value in inputs.items()}


def _array(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name}: found rows of differing length; pad them to one length, with '' or "
                         "NaN.") from None
    if array.dtype == np.float64 and not isinstance(value, (np.ndarray, np.generic)):
        return array.astype(np.float32)
    if array.dtype.kind in "US" or array.dtype == object:
        flat = [_bytes(name, v) for v in np.asarray(value, object).ravel().tolist()]
        texts = np.empty(len(flat), object)
        texts[:] = flat
        return texts.reshape(array.shape)
    return array


def _bytes(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise ValueError(f"{name}: found {value!r} among texts, expected texts or bytes only.")
