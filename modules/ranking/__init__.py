"""The second stage: statistics of the interactions, candidates of recall, and the model that orders
them.
"""
