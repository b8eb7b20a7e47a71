"""DREAM: `dream.py` puts encoder, exploitation, exploration and decoder together."""
