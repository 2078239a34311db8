"""The pipeline, its components, and the commands of `recsys`."""
