"""The small serving folder answers as it says, through the development server."""

from __future__ import annotations

import numpy as np

from modules import catalogue, release, request_arrays
from serving import tensors
from serving.protos import serving_pb2, stubs
from tests.serving import conftest, small_serving


def test_both_models_answer_what_the_module_says(tmp_path):
    serving = small_serving.write(tmp_path)
    found = release.in_force(serving)
    about = catalogue.Catalogue.read(found.recall).about
    assert about == small_serving.ABOUT
    example = {
        "user_age": [20.0],
        "user_gender": [b"F"],
        "user_interests": [b"tea"],
        "event_item_id": [b"m3", b""],
        "event_timestamp": [100, 200],
        "event_rating": [4.0, 3.0],
        "context_device": [b"app", b"web"],
        "seen_item_id": [b"m3"],
    }
    arrays = request_arrays.from_examples([example], about.data, about.max_history)
    with conftest.serve(serving / "models.config") as client:
        stub = stubs.Stub(client.channel)
        recall = _predict(stub, "recall", arrays)
        ids = tensors.decode(recall.outputs["item_id"])
        assert ids[0].tolist() == [b"m4", b"m5", b"m6", b"m7", b"m8", b"m9", b"m0", b"m1"]
        assert recall.model_spec.version.value == found.id
        del arrays[request_arrays.EXCLUDE_ITEM_ID]
        arrays |= {
            "candidate_item_id": ids,
            "recall_score": tensors.decode(recall.outputs["score"]),
        }
        rank = tensors.decode(_predict(stub, "rank", arrays).outputs["score"])
        np.testing.assert_allclose(rank[0], [0, 99, -2, -3, -4, -5, -6, -7])


def _predict(stub, model, arrays):
    request = serving_pb2.PredictRequest()
    request.model_spec.name = model
    for name, array in arrays.items():
        request.inputs[name].CopyFrom(tensors.encode(array))
    return stub.predict(request, timeout=30)
