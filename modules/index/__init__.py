"""The nearest-neighbour index over the item vectors: one interface, three bodies, the model that
serves.
"""
