"""The arguments of commands that have no package of their own."""
