"""Ranker layers: target attention, hashed crosses, item encoder, standardised numbers, session."""
