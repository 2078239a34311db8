"""Better values for the recall model's training, searched on validation."""
