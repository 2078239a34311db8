"""Beam transforms from tables of events, users and items to examples: readers, checks, windows,
summary.
"""
