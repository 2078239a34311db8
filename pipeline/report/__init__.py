"""The report: one self-contained HTML page about a pipeline run (`report.write`)."""
