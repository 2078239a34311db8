"""TFX components of this project, each with its executor."""
