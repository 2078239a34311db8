"""Small models that the conformance suite asks, and their models.config.

`python -m tests.serving.small_models FOLDER` writes them, to be served by a real TensorFlow
Serving:

  tensorflow_model_server --model_config_file=FOLDER/models.config --port=8500 --rest_api_port=8501
    --allow_version_labels_for_unavailable_models=true

`recall` and `rank` have the real signatures (see fake_recall.py and fake_rank.py); `echo` has
tensors of many types.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Mapping, Sequence

import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from modules import warmup
from serving.model_server import inference
from tests import fake_rank, fake_recall, fake_trained

ITEMS = tuple(f"m{number}" for number in range(10))
K = 5  # items that recall returns
DATA = fake_trained.data(2)
REQUEST = {
    "user_taste": [1.0, 2.0],
    "event_item_id": ["m1"],
    "event_timestamp": [3],
    "request_timestamp": 4,
}


class Echo(tf.Module):
    """Returns its inputs; `half_plus_two` is x / 2 + 2, `slow` takes x[0] s, `divide` can fail."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string),
            tf.TensorSpec([None, 2], tf.float32),
            tf.TensorSpec([None], tf.bool),
            tf.TensorSpec([None], tf.int64),
        ]
    )
    def serve(
        self, text: tf.Tensor, numbers: tf.Tensor, flag: tf.Tensor, count: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return {
            "text": tf.identity(text),
            "text_bytes": tf.identity(text),
            "numbers": tf.identity(numbers),
            "flag": tf.identity(flag),
            "count": tf.identity(count),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def half_plus_two(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x / 2 + 2}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, "x")])
    def any_rank(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x / 2 + 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def slow(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Spins for x[0] seconds."""
        end = tf.timestamp() + tf.cast(x[0], tf.float64)
        (now,) = tf.while_loop(
            lambda now: now < end,
            lambda now: (tf.timestamp(),),
            [tf.timestamp()],
            parallel_iterations=1,
        )
        with tf.control_dependencies([now]):
            return {"y": tf.identity(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, "x")])
    def divide(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": 12 // x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Of examples: the labels are `word` and "other", with x / 2 + 2 and `bias`."""
        found = tf.io.parse_example(inputs, EXAMPLE)
        labels = tf.stack([found["word"], tf.fill(tf.shape(found["word"]), "other")], axis=1)
        return {
            "classes": labels,
            "scores": tf.stack([found["x"] / 2 + 2, found["bias"]], axis=1),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def scores(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": self.classify(inputs)["scores"]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        found = tf.io.parse_example(inputs, EXAMPLE)
        return {"outputs": (found["x"] / 2 + 2 + found["bias"])[:, tf.newaxis]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def wide(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Two numbers an example, which no regression has."""
        return {"outputs": tf.zeros([tf.shape(inputs)[0], 2])}


EXAMPLE = {
    "x": tf.io.FixedLenFeature([], tf.float32),
    "bias": tf.io.FixedLenFeature([], tf.float32, 0.0),
    "word": tf.io.FixedLenFeature([], tf.string, ""),
}
_OF_EXAMPLES = {
    "classify": inference.CLASSIFY,
    "scores": inference.CLASSIFY,
    "regress": inference.REGRESS,
    "wide": inference.REGRESS,
}


def save_echo(folder: pathlib.Path) -> None:
    """Writes the SavedModel."""
    model = Echo()
    tf.saved_model.save(
        model,
        str(folder),
        signatures={
            "serving_default": model.serve,
            "half_plus_two": model.half_plus_two,
            "any_rank": model.any_rank,
            "slow": model.slow,
            "divide": model.divide,
            **{name: getattr(model, name) for name in _OF_EXAMPLES},
        },
    )
    _share_input(folder / "saved_model.pb")


def _share_input(path: pathlib.Path) -> None:
    """Makes signatures of examples as Estimators have them: by method, of one input.

    TensorFlow 2 saves all signatures for Predict, each with an input of its own.
    """
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    (graph,) = saved.meta_graphs
    shared = graph.signature_def["classify"].inputs["inputs"].name.partition(":")[0]
    others = {
        graph.signature_def[name].inputs["inputs"].name.partition(":")[0]: shared
        for name in ("scores", "regress")
    }
    for node in graph.graph_def.node:
        node.input[:] = [others.get(name, name) for name in node.input]
    for name, method in _OF_EXAMPLES.items():
        graph.signature_def[name].method_name = method
        if name != "wide":
            graph.signature_def[name].inputs["inputs"].name = f"{shared}:0"
    path.write_bytes(saved.SerializeToString())


def save_rank(folder: pathlib.Path, version: int) -> None:
    """Writes rank/<version>, in which m1 has a bonus of `version`."""
    fake_rank.save(folder / "rank" / str(version), DATA, {"m1": float(version)})


def rank_request(version: int | None = None, label: str = "") -> predict_pb2.PredictRequest:
    """Asks for the scores of m1 and m2: 0.5 + the version, and 1."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "rank"
    if version is not None:
        request.model_spec.version.value = version
    elif label:
        request.model_spec.version_label = label
    rows = {**REQUEST, "candidate_item_id": ["m1", "m2"], "recall_score": [0.5, 1.0]}
    for name, value in rows.items():
        request.inputs[name].CopyFrom(tensor(name, [value]))
    return request


def tensor(name: str, value: object) -> tf.core.framework.tensor_pb2.TensorProto:  # type: ignore[name-defined]
    """A tensor of the type that the input of that name has."""
    dtype = (
        tf.int64
        if name.endswith("timestamp")
        else tf.float32
        if name in ("user_taste", "recall_score")
        else tf.string
    )
    return tf.make_tensor_proto(value, dtype)


def write_warmup(folder: pathlib.Path, requests: Sequence[predict_pb2.PredictRequest]) -> None:
    """Records warm-up requests in the SavedModel `folder`."""
    path = folder / warmup.FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())


def write_config(
    folder: pathlib.Path,
    versions: Mapping[str, Sequence[int]],
    labels: Mapping[str, int] | None = None,
    name: str = "models.config",
) -> pathlib.Path:
    """Writes a models.config of specific versions, with labels for `rank`, in one step."""
    config = model_server_config_pb2.ModelServerConfig()
    for model, numbers in versions.items():
        entry = config.model_config_list.config.add(
            name=model, base_path=str(folder / model), model_platform="tensorflow"
        )
        entry.model_version_policy.specific.versions.extend(numbers)
        if model == "rank":
            entry.version_labels.update(labels or {})
    unfinished = folder / "unfinished"
    unfinished.write_text(text_format.MessageToString(config))
    return unfinished.replace(folder / name)


def write(folder: pathlib.Path) -> pathlib.Path:
    """Writes all models; returns the path of models.config."""
    fake_recall.save(folder / "recall" / "1", DATA, ITEMS, fake_recall.cycle(len(ITEMS)), k=K)
    save_echo(folder / "echo" / "1")
    for version in (1, 2):
        save_rank(folder, version)
    return write_config(
        folder, {"recall": [1], "rank": [1, 2], "echo": [1]}, {"stable": 1, "canary": 2}
    )


if __name__ == "__main__":
    print(write(pathlib.Path(sys.argv[1]).resolve()))
