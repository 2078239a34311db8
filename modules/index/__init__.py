"""The nearest-neighbour index over the item vectors: one interface, three bodies, and the model that serves them."""
