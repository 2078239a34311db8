"""Failures with the codes of TensorFlow Serving, for gRPC and REST."""

from __future__ import annotations

import grpc
import tensorflow as tf

Code = grpc.StatusCode

_CODES = {code.value[0]: code for code in Code}
_HTTP = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.UNAUTHENTICATED: 401,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 412,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 416,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
}


class ServingError(Exception):
    """A request, or a version of a model, that failed."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text

    @property
    def http_status(self) -> int:
        return _HTTP.get(self.code, 500)

    def __str__(self) -> str:
        return f"{self.code.name}: {self.text}"


def invalid(text: str) -> ServingError:
    """An INVALID_ARGUMENT."""
    return ServingError(Code.INVALID_ARGUMENT, text)


def number(code: grpc.StatusCode) -> int:
    """The code as a number, as `tensorflow.error.Code` and google.rpc.Code have it."""
    value: int = code.value[0]
    return value


def of(error: Exception) -> ServingError:
    """Any failure as a ServingError: TensorFlow's keep their code, unexpected ones are INTERNAL."""
    if isinstance(error, ServingError):
        return error
    if isinstance(error, tf.errors.OpError):
        return ServingError(_CODES.get(error.error_code, Code.UNKNOWN), error.message)
    if isinstance(error, OSError):
        missing = isinstance(error, FileNotFoundError)
        return ServingError(Code.NOT_FOUND if missing else Code.UNKNOWN, str(error))
    return ServingError(Code.INTERNAL, f"{type(error).__name__}: {error}")
