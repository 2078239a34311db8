"""A new catalogue for the models of the release in force, without training: `refresh-index`."""
