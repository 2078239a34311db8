"""The second stage: interaction statistics, recall's candidates and the model that orders them."""
