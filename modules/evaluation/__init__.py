"""How good recommendations are: ranks, metrics, baselines, slices, and whether a model may be
released.
"""
