"""Layers of the rank model: target attention, hashed crosses, item encoder, standardised numbers,
session.
"""
