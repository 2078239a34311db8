"""Makes interactions whose distribution is known, and with it the best ranking there can be.

`shape` says how much of what there is, `tables` what follows from the seed, `activity` who comes
when, `draws` what is taken then, `oracle` how probable each item was, `parts` writes it on Beam.
"""
