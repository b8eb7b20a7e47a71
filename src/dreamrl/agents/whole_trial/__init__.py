"""One policy for the whole trial: what RL2, E-RL2, VariBAD and IMPORT have in common.

A reader goes through the trial, exploration and exploitation alike; what it makes of it (`tell`)
is the z of the one policy. The methods differ in what `tell` is and what trains it.
"""
