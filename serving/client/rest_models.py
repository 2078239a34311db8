"""Model clients via TensorFlow Serving's REST, for TensorFlow Serving or the development server.

REST does not say of which type an output is, nor how an only output is called; the signature does,
which is asked for once for each target.
"""

from __future__ import annotations

import base64
import json
import typing
import urllib.parse
from collections.abc import Generator, Mapping
from typing import Any, TypeAlias

import httpx
import numpy as np
from numpy import typing as npt

from serving.client import errors, exchange, predictions

if typing.TYPE_CHECKING:
    from typing_extensions import Unpack

_TIMEOUT = 5.0  # seconds
_B64 = "b64"
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_DTYPES: dict[str, Any] = {
    "DT_FLOAT": np.float32,
    "DT_DOUBLE": np.float64,
    "DT_INT32": np.int32,
    "DT_INT64": np.int64,
    "DT_BOOL": np.bool_,
    "DT_STRING": object,
}
_Outputs: TypeAlias = dict[str, str]  # type of each output, such as DT_FLOAT
_Steps: TypeAlias = Generator[
    exchange.Send | exchange.Wait, exchange.Outcome | None, exchange.Answer
]


class RestModelClient(exchange.Sync):
    """Asks models, as `ModelClient` does; several threads may share one."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = _TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Makes a client; nothing is sent yet.

        Args:
          base_url: of the REST port, such as http://127.0.0.1:8501.
          timeout: seconds for a call.
          transport: sends requests in the place of HTTPX's own.
        """
        super().__init__(httpx.Client(base_url=base_url, transport=transport))
        self._asked = _Asked(base_url, timeout)

    def predict(
        self, model: str, inputs: Mapping[str, Any], **options: Unpack[predictions.Options]
    ) -> predictions.Prediction:
        """As `ModelClient.predict`; `output_filter` is applied here, for REST has none."""
        return self._do(self._asked.predict(predictions.Target(model, **options), inputs))

    def versions(self, model: str) -> tuple[predictions.Version, ...]:
        """The versions of a model that the server has or had, by number."""
        return self._do(self._asked.versions(model))


class AsyncRestModelClient(exchange.Async):
    """`RestModelClient` for asyncio; see there."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = _TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """As `RestModelClient`."""
        super().__init__(httpx.AsyncClient(base_url=base_url, transport=transport))
        self._asked = _Asked(base_url, timeout)

    async def predict(
        self, model: str, inputs: Mapping[str, Any], **options: Unpack[predictions.Options]
    ) -> predictions.Prediction:
        return await self._do(self._asked.predict(predictions.Target(model, **options), inputs))

    async def versions(self, model: str) -> tuple[predictions.Version, ...]:
        return await self._do(self._asked.versions(model))


class _Asked:
    """The calls as steps (see exchange.py), with the outputs that are known already."""

    def __init__(self, place: str, timeout: float) -> None:
        self._place, self._timeout = place, timeout
        self._outputs: dict[tuple[str, str], _Outputs] = {}  # by path and signature

    def predict(
        self, target: predictions.Target, inputs: Mapping[str, Any]
    ) -> _Steps[predictions.Prediction]:
        path = _path(target)
        body = {
            "signature_name": target.signature,
            "inputs": {name: _plain(array) for name, array in predictions.arrays(inputs).items()},
        }
        answer = yield from self._get("POST", f"{path}:predict", json.dumps(body).encode())
        known = yield from self._outputs_of(path, target.signature, answer["outputs"])
        if missing := sorted(set(target.output_filter) - set(known)):
            raise errors.ModelError(
                "INVALID_ARGUMENT",
                f"output_filter: there is no output {missing[0]!r}; "
                f"expected some of {', '.join(sorted(known))}.",
            )
        found = answer["outputs"] if len(known) > 1 else {next(iter(known)): answer["outputs"]}
        wanted = target.output_filter or known
        return predictions.Prediction(
            {name: _array(found[name], known[name]) for name in wanted}, None
        )

    def versions(self, model: str) -> _Steps[tuple[predictions.Version, ...]]:
        answer = yield from self._get("GET", _path(predictions.Target(model)))
        found = [
            predictions.Version(int(v["version"]), v["state"], v["status"].get("error_message", ""))
            for v in answer["model_version_status"]
        ]
        return tuple(sorted(found, key=lambda version: version.version))

    def _outputs_of(self, path: str, signature: str, found: Any) -> _Steps[_Outputs]:
        """The outputs of a signature; asked for again when what was found are others."""
        known = self._outputs.get((path, signature))
        if known is None or not _fits(found, known):
            answer = yield from self._get("GET", f"{path}/metadata")
            declared = answer["metadata"]["signature_def"]["signature_def"][signature]["outputs"]
            self._outputs[path, signature] = {
                name: info["dtype"] for name, info in declared.items()
            }
        return self._outputs[path, signature]

    def _get(self, method: str, path: str, content: bytes | None = None) -> _Steps[Any]:
        outcome = yield exchange.Send(method, path, self._timeout, content=content)
        if isinstance(outcome, httpx.TransportError):
            late = isinstance(outcome, httpx.TimeoutException)
            raise errors.ModelError(
                "DEADLINE_EXCEEDED" if late else "UNAVAILABLE",
                str(errors.of_transport(outcome, self._place)),
            ) from outcome
        assert outcome is not None
        try:
            # Strings that are no UTF-8 come as the bytes that they are.
            answer = json.loads(outcome.content.decode("utf-8", "surrogateescape"))
            if outcome.is_success:
                return answer
            raise errors.ModelError(_CODES.get(outcome.status_code, "UNKNOWN"), answer["error"])
        except (ValueError, KeyError, TypeError):
            raise errors.ModelError(
                "UNKNOWN",
                f"{self._place}: status {outcome.status_code} with an answer "
                "that is not TensorFlow Serving's. Check that the address is that of its "
                "REST port.",
            ) from None


def _fits(found: Any, known: _Outputs) -> bool:
    """Whether an answer has these outputs; the value of an only one has no name."""
    names = set(found) - {_B64} if isinstance(found, dict) else set()
    return names == (set(known) if len(known) > 1 else set())


def _path(target: predictions.Target) -> str:
    path = f"/v1/models/{urllib.parse.quote(target.model, safe='')}"
    if target.version is not None:
        return f"{path}/versions/{target.version}"
    return (
        path
        if target.label is None
        else f"{path}/labels/{urllib.parse.quote(target.label, safe='')}"
    )


def _plain(array: npt.NDArray[Any]) -> Any:
    """Nested lists for JSON; strings in base64, so that any bytes arrive."""
    if array.dtype != object:
        return array.tolist()
    if array.ndim == 0:
        return {_B64: base64.b64encode(array.item()).decode()}
    return [_plain(part) for part in _parts(array)]


def _parts(array: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    return [array[n, ...] for n in range(len(array))]


def _array(value: Any, dtype: str) -> npt.NDArray[Any]:
    """The array of nested lists; strings become bytes."""
    if dtype not in _DTYPES:
        raise errors.ModelError(
            "UNIMPLEMENTED", f"an output is {dtype}; expected one of {', '.join(_DTYPES)}."
        )
    if dtype != "DT_STRING":
        return np.array(value, _DTYPES[dtype])
    return np.array(_bytes(value), object)


def _bytes(value: Any) -> Any:
    if isinstance(value, list):
        return [_bytes(part) for part in value]
    if isinstance(value, dict):
        return base64.b64decode(value[_B64])
    return value.encode("utf-8", "surrogateescape")
