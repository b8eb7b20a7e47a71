"""One policy for the whole trial: what RL2, E-RL2, VariBAD and IMPORT have in common.

A trial encoder reads the trial, exploration and exploitation alike; a belief head makes of its
hidden state the z of the one policy. The methods differ in the head and in what trains it.
"""
