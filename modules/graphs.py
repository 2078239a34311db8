"""Python functions as TensorFlow graphs, traced without AutoGraph."""

from __future__ import annotations

import functools

import tensorflow as tf

function = functools.partial(tf.function, autograph=False)
"""`tf.function`, for code whose Python control flow depends on no tensor.

AutoGraph would rewrite the source of every layer that is called, at every trace, which takes about
half of the time until a first batch is learnt or a model is exported. Without it TensorFlow refuses
an `if` or a loop over a tensor (`OperatorNotAllowedInGraphError`) instead of turning it into graph
operations: use `tf.cond`, `tf.where` and `tf.while_loop`.
"""
