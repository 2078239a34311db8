"""What each measure is worth: variants of a configuration, run, compared in pairs and shown."""
