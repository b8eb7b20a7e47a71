"""Figures, drawn without a screen."""
