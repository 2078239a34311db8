"""The gateway: an HTTP API that recommends, in front of the recall model and the rank model.

It asks the models by TensorFlow Serving's gRPC and needs no TensorFlow itself.

  settings     how to serve
  wire         what clients send and get, as OpenAPI shows it
  columns      values of declared columns, checked, and the request that the models get
  users        what is known of a user: the store's history and profile, and what the request says
               instead
  models       calls to the models: deadlines, retries, versions
  releases     which releases are served, and their catalogues
  filters      items by their attributes
  explain      what moved an item
  recommend    recall, rank, filter, answer; and what happens when a part is down
  admission    how many requests are worked on and wait
  edge         what every request goes through: ids, keys, sizes, logs, metrics
  bodies       JSON, read strictly
  refusals     failures in the one form that clients see
  api, server  routes; the process
"""
