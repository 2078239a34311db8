"""Beam transforms that turn tables of events, users and items into examples: readers, checks, windows, summary."""
