"""Trains the cells of a comparison that are missing, and shows how far it is."""

from pathlib import Path

from rich.console import Console

from dreamrl.cli.cells import board
from dreamrl.comparison.fill import Filled, fill
from dreamrl.comparison.spec import Cell


def fill_all(chosen: list[Cell], results: Path, runs: Path, made_by: str) -> Filled:
    """Train what is missing of the cells; `made_by` is the command that each result records."""
    with board(chosen, Console()) as view:
        return fill(chosen, results, runs, view, made_by)
