"""The recall model: two towers, trained on all positions of the users' sequences at once."""
