"""The nearest-neighbour index over item vectors: one interface, three bodies, the serving model."""
