"""What TFX workers import: features, Beam transforms, Transform graph, models and signatures."""

from modules import environment

environment.prepare()
