"""A development server that speaks TensorFlow Serving's protocol over gRPC and REST.

It serves the models of a `models.config` as TensorFlow Serving would, so that clients and
configuration can be tried on one machine; its speed says nothing about TensorFlow Serving's.

  errors       codes and texts of failures
  servable     one loaded SavedModel
  warmup       the requests that are replayed before a model is used
  configs      models.config, version policies and folders
  version      one version of a model, and its state
  lookup       which version a request means, and where labels point
  manager      which versions are loaded, served and unloaded
  predict      the checks of a request
  predictor    a prediction, as gRPC and REST share it
  batching     requests that are run together
  grpc_api, rest_api, json_tensors, connections, metrics, server
"""
