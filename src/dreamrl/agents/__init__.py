"""Methods under one trial protocol: one folder each, with settings, networks, losses, algorithm.

`loop` has the one training iteration, `algorithm` what a method supplies, `registry` the methods by
name.
"""
