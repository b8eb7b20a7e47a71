"""Faults injected into runs: killed processes and damaged files."""
