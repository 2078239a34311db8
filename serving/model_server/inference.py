"""Classify, Regress and MultiInference: tf.Examples in, classes or numbers out.

As in TensorFlow Serving: a signature whose method is `tensorflow/serving/classify` or
`tensorflow/serving/regress` has one input, serialized examples. Several of them over the same
examples are one run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import typing as npt
from tensorflow.core.example import example_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    regression_pb2,
)

from serving.model_server import errors, predict, predictor, servable

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
_KINDS = {CLASSIFY: "classification", REGRESS: "regression"}
_INPUTS = "inputs"
_CLASSES, _SCORES, _NUMBERS = "classes", "scores", "outputs"
_UNKNOWN, _UNKNOWN_OF_SEVERAL = (
    "No signature was found with the name: ",
    "Requested signature not found in model graph: ",
)


def run(
    predictions: predictor.Predictor,
    tasks: Sequence[inference_pb2.InferenceTask],
    examples: input_pb2.Input,
    *,
    deadline: float | None,
    entrypoint: str,
) -> list[inference_pb2.InferenceResult]:
    """Answers tasks of one model, in their order.

    Args:
      predictions: runs the models.
      tasks: signatures and their methods.
      examples: what all of them are asked about.
      deadline: of time.monotonic, or None.
      entrypoint: GRPC or REST.

    Raises:
      ServingError: with TensorFlow Serving's code and text.
    """
    _check(tasks)
    answer = predictions.predict(
        predictor.Call(
            spec=tasks[0].model_spec,
            signature=lambda model: _together(model, tasks),
            inputs=lambda signature: _inputs(signature, examples),
            output_filter=(),
            deadline=deadline,
            entrypoint=entrypoint,
            logged=False,
        )
    )
    number = len(_examples(examples))
    return [_result(place, task, answer, number) for place, task in enumerate(tasks)]


def _check(tasks: Sequence[inference_pb2.InferenceTask]) -> None:
    names = set()
    for task in tasks:
        if not task.HasField("model_spec"):
            raise errors.invalid("Missing ModelSpec")
        if not task.model_spec.name:
            raise errors.invalid("Found ModelSpec with an empty model name.")
        if task.model_spec.name != tasks[0].model_spec.name:
            raise errors.invalid(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        if (name := _name(task)) in names:
            raise errors.invalid(f"Duplicate evaluation of signature: {name}")
        names.add(name)
        if task.method_name not in _KINDS:
            raise errors.ServingError(
                errors.Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}"
            )
    if not tasks:
        raise errors.invalid("Inference request has no tasks")


def _name(task: inference_pb2.InferenceTask) -> str:
    """Of its signature."""
    name: str = task.model_spec.signature_name or predict.DEFAULT_SIGNATURE
    return name


def _together(
    model: servable.Servable, tasks: Sequence[inference_pb2.InferenceTask]
) -> meta_graph_pb2.SignatureDef:
    """One signature with the outputs of all."""
    found = meta_graph_pb2.SignatureDef()
    for place, task in enumerate(tasks):
        name = _name(task)
        if name not in model.signatures:
            raise errors.invalid((_UNKNOWN if len(tasks) == 1 else _UNKNOWN_OF_SEVERAL) + name)
        signature = model.signatures[name]
        outputs = _outputs(signature, task.method_name)
        given = signature.inputs[_INPUTS]
        if found.inputs and found.inputs[_INPUTS].name != given.name:
            raise errors.invalid("Input tensor must be the same for all Signatures.")
        found.inputs[_INPUTS].CopyFrom(given)
        for output in outputs:
            found.outputs[_key(place, output)].CopyFrom(signature.outputs[output])
    return found


def _key(place: int, output: str) -> str:
    """Name of a task's output among those of all."""
    return f"{place}/{output}"


def _outputs(signature: meta_graph_pb2.SignatureDef, method: str) -> tuple[str, ...]:
    """Names of the outputs that a method reads, of a signature that has what it needs."""
    kind, number = _KINDS[method], len(signature.outputs)
    if signature.method_name != method:
        raise errors.invalid(
            f"Expected {kind} signature method_name to be {method}. Was: {signature.method_name}"
        )
    if len(signature.inputs) != 1:
        raise errors.invalid("Expected one input Tensor.")
    if method == CLASSIFY and number not in (1, 2):
        raise errors.invalid(f"Expected one or two output Tensors, found {number}")
    if method == REGRESS and number != 1:
        raise errors.invalid("Expected one output Tensor.")
    if _INPUTS not in signature.inputs:
        raise _unusable(f"No {kind} inputs found in SignatureDef: {signature}")
    wanted = (_CLASSES, _SCORES) if method == CLASSIFY else (_NUMBERS,)
    found = tuple(name for name in wanted if name in signature.outputs)
    if not found:
        raise _unusable(
            f'Expected classification signature outputs to contain at least one of "{_CLASSES}" or '
            f'"{_SCORES}". Signature was: {signature}'
            if method == CLASSIFY
            else f"No regression outputs found in SignatureDef: {signature}"
        )
    return found


def _unusable(text: str) -> errors.ServingError:
    return errors.ServingError(errors.Code.FAILED_PRECONDITION, text)


def _examples(given: input_pb2.Input) -> Sequence[example_pb2.Example]:
    kind = given.WhichOneof("kind")
    return getattr(given, kind).examples if kind else ()


def _inputs(
    signature: meta_graph_pb2.SignatureDef, given: input_pb2.Input
) -> dict[str, npt.NDArray[Any]]:
    """Serialized examples [n], each behind the context: two messages in a row are one."""
    examples = _examples(given)
    if not examples:
        raise errors.invalid("Input is empty.")
    context = given.example_list_with_context.context.SerializeToString()  # empty without any
    serialized = np.empty(len(examples), object)
    serialized[:] = [context + example.SerializeToString() for example in examples]
    inputs = {_INPUTS: serialized}
    predict.check_types(signature, inputs)
    return inputs


def _result(
    place: int, task: inference_pb2.InferenceTask, answer: predictor.Answer, number: int
) -> inference_pb2.InferenceResult:
    made, prefix = inference_pb2.InferenceResult(), _key(place, "")
    outputs = {
        key.removeprefix(prefix): value
        for key, value in answer.outputs.items()
        if key.startswith(prefix)
    }
    if task.method_name == CLASSIFY:
        made.classification_result.CopyFrom(_classes(outputs, number))
    else:
        made.regression_result.CopyFrom(_numbers(outputs[_NUMBERS], number))
    made.model_spec.name, made.model_spec.signature_name = task.model_spec.name, _name(task)
    made.model_spec.version.value = answer.version
    return made


def _classes(
    outputs: Mapping[str, npt.NDArray[Any]], number: int
) -> classification_pb2.ClassificationResult:
    """Labels [n, c], scores [n, c], or both, as messages."""
    types = {_CLASSES: (np.object_, "DT_STRING"), _SCORES: (np.float32, "DT_FLOAT")}
    for name, value in sorted(outputs.items()):
        dtype, shown = types[name]
        if value.ndim != 2:
            raise errors.invalid(
                f"Expected Tensor shape: [batch_size num_classes] but got {_shape(value)}"
            )
        if value.dtype != dtype:
            raise errors.invalid(f"Expected {name} Tensor of {shown}. Got: {value.dtype}")
        if len(value) != number:
            raise errors.invalid(
                f"Expected {name} output batch size of {number}. Got: {len(value)}"
            )
    widths = [outputs[name].shape[1] for name in types if name in outputs]
    if len(set(widths)) > 1:
        raise errors.invalid(
            f"Tensors class and score should match in dim_size(1). Got {widths[0]} vs. {widths[1]}"
        )
    made = classification_pb2.ClassificationResult()
    labels, scores = outputs.get(_CLASSES), outputs.get(_SCORES)
    for row in range(number):
        classes = made.classifications.add().classes
        for column in range(widths[0]):
            one = classes.add()
            if labels is not None:
                one.label = labels[row, column]
            if scores is not None:
                one.score = scores[row, column]
    return made


def _numbers(output: npt.NDArray[Any], number: int) -> regression_pb2.RegressionResult:
    """Numbers, [n] or [n, 1], as messages."""
    if output.ndim != 1 and not (output.ndim == 2 and output.shape[1] == 1):
        raise errors.invalid(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"{_shape(output)}"
        )
    if len(output) != number:
        raise errors.invalid(
            f"Input batch size did not match output batch size: {number} vs. {len(output)}"
        )
    if output.dtype != np.float32:
        raise errors.invalid(f"Expected output Tensor of DT_FLOAT.  Got: {output.dtype}")
    made = regression_pb2.RegressionResult()
    for value in output.ravel():
        made.regressions.add().value = value
    return made


def _shape(value: npt.NDArray[Any]) -> str:
    return f"[{','.join(map(str, value.shape))}]"
