"""Curated TFDV schemas, one folder a data set. A package only so that setup.py ships them."""
