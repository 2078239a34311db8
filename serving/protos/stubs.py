"""The TensorFlow Serving methods our clients call, for `grpc` and `grpc.aio` channels alike."""

from __future__ import annotations

from typing import Any

from serving.protos import serving_pb2

PREDICT = "/tensorflow.serving.PredictionService/Predict"
METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"


class Stub:
    """Calls; each takes the request and `timeout` in seconds; gives the response or its awaitable.

    Attributes:
      predict: PredictRequest -> PredictResponse.
      metadata: GetModelMetadataRequest -> GetModelMetadataResponse.
      status: GetModelStatusRequest -> GetModelStatusResponse.
    """

    def __init__(self, channel: Any) -> None:
        """Makes the calls over a channel.

        Args:
          channel: a grpc.Channel or grpc.aio.Channel.
        """
        self.predict = channel.unary_unary(
            PREDICT,
            request_serializer=serving_pb2.PredictRequest.SerializeToString,
            response_deserializer=serving_pb2.PredictResponse.FromString,
        )
        self.metadata = channel.unary_unary(
            METADATA,
            request_serializer=serving_pb2.GetModelMetadataRequest.SerializeToString,
            response_deserializer=serving_pb2.GetModelMetadataResponse.FromString,
        )
        self.status = channel.unary_unary(
            STATUS,
            request_serializer=serving_pb2.GetModelStatusRequest.SerializeToString,
            response_deserializer=serving_pb2.GetModelStatusResponse.FromString,
        )
