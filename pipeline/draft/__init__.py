"""`recsys dataset draft`: looks at files and writes the YAML that reads them, with its reasons.

Files become samples (`sample`), their columns facts (`facts`); facts decide which file is which
table (`tables`) and what each column is for (`columns`); `writer` makes the YAML of it, and `trial`
reads the samples by it, with the readers that a run has.
"""
