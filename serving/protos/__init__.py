"""The part of TensorFlow Serving's API that clients need, without TensorFlow."""
