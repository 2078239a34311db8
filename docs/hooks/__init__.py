"""Makes pages of the documentation at build time, so that they cannot drift.

They come from the configuration's dataclasses, the gateway's OpenAPI description, the docstrings,
and files of the repository.
"""
