"""Recommendation quality: ranks, metrics, baselines, slices, whether a model may be released."""
