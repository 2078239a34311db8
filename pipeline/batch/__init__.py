"""Recommendations of all users at once: `recsys batch-recommend`."""
