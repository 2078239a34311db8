"""A loaded model: what is made once, and that it goes when it is closed."""

from __future__ import annotations

import gc
import pathlib
import weakref

import numpy as np

from serving.model_server import servable

INPUTS = {
    "text": np.array([b"a"], object),
    "numbers": np.float32([[1, 2]]),
    "flag": np.array([True]),
    "count": np.int64([3]),
}


def _load(models_config: pathlib.Path) -> servable.Servable:
    return servable.Servable(models_config.parent / "echo" / "1")


def test_the_order_of_inputs_makes_no_new_callable(models_config):
    """A protocol buffer's mapping has a random one, and making a callable may take a second."""
    model = _load(models_config)
    signature = model.signatures["serving_default"]
    for names in (sorted(INPUTS), sorted(INPUTS, reverse=True)):
        found = model.run(signature, {name: INPUTS[name] for name in names}, ("count",), None)
        assert found["count"].tolist() == [3]
    assert len(model._callables) == 1
    assert model.run(signature, INPUTS, ("text",), None)["text"].tolist() == [b"a"]
    assert len(model._callables) == 2
    model.close()


def test_a_closed_model_is_gone_without_the_collector(models_config):
    model = _load(models_config)
    model.run(model.signatures["serving_default"], INPUTS, ("text",), None)
    graph = weakref.ref(model._graph)
    gc.freeze()  # as the gateway does, so that nothing that is there now is ever collected
    try:
        model.close()
        del model
        assert graph() is None
    finally:
        gc.unfreeze()
