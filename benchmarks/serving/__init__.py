"""How the servers behave under load, while a release is replaced, and when they are killed."""
