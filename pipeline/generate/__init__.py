"""`recsys dataset generate`: data with a known structure and a known best ranking."""
