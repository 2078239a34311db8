"""What a user would pick instead, judged on the same held-out events."""
