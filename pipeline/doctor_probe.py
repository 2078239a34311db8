"""The checks of `recsys doctor` that import TensorFlow. Prints one JSON object a finding."""

from __future__ import annotations

import json
from typing import Any

import modules  # noqa: F401 - switches legacy Keras on, before TensorFlow is imported


def main() -> None:
    """Checks TensorFlow, Keras and ScaNN, in that order."""
    import tensorflow as tf

    _print(
        "ok", "TensorFlow", f"{tf.__version__}, {len(tf.config.list_physical_devices('GPU'))} GPUs"
    )
    implementation = tf.keras.Model.__module__.split(".")[0]
    if implementation == "tf_keras":
        _print("ok", "Keras", "legacy Keras (tf_keras) is on, as TFRS and TFX need")
    else:
        _print(
            "fail",
            "Keras",
            f"tf.keras is {implementation}; TFRS and TFX need legacy Keras (tf_keras)",
            "see that tf-keras is installed: run `make setup`",
        )
    _check_scann()


def _check_scann() -> None:
    """Builds an index of 64 vectors and looks for the first of them."""
    import numpy as np

    try:
        import scann
    except Exception as error:  # noqa: BLE001 - whatever the loader of its operations raises
        _print(
            "fail",
            "ScaNN",
            f"its operations do not load beside this TensorFlow: {error}",
            "its version has to match TensorFlow's: run `make setup`; or set index.body: ivf",
        )
        return
    vectors = np.random.default_rng(0).normal(size=(64, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    builder = scann.scann_ops.builder(vectors, 1, "dot_product")
    searcher = builder.tree(4, 4, training_sample_size=64).score_ah(2).reorder(16).build()
    found, _ = searcher.search(vectors[0])
    if int(found[0]) == 0:
        _print("ok", "ScaNN", "loads, builds an index and finds a vector in it")
    else:
        _print(
            "fail",
            "ScaNN",
            f"found vector {int(found[0])} as nearest to vector 0",
            "run `make setup`",
        )


def _print(status: str, subject: str, detail: str, remedy: str = "") -> None:
    finding: dict[str, Any] = {
        "status": status,
        "subject": subject,
        "detail": detail,
        "remedy": remedy,
    }
    print(json.dumps(finding), flush=True)


if __name__ == "__main__":
    main()
