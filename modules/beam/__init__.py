"""Beam transforms from tables of events, users and items to examples.

There are readers, checks, windows and the summary.
"""
