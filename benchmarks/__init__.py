"""What is measured, with the commands; run with `python -m benchmarks.<name>` from the checkout."""

import modules  # noqa: F401  # sets TensorFlow's environment before a benchmark imports it
