"""What the sign says: letters of 5 x 7 squares, each in the middle of its square metre."""

import numpy as np

WORDS = ("BLUE", "RED", "GREEN")
GRAIN = 15
"""Squares to a metre; a letter and the white around it are GRAIN x GRAIN of them."""
_LETTERS = {
    "B": ("####.", "#...#", "#...#", "####.", "#...#", "#...#", "####."),
    "L": ("#....", "#....", "#....", "#....", "#....", "#....", "#####"),
    "U": ("#...#", "#...#", "#...#", "#...#", "#...#", "#...#", ".###."),
    "E": ("#####", "#....", "#....", "####.", "#....", "#....", "#####"),
    "R": ("####.", "#...#", "#...#", "####.", "#.#..", "#..#.", "#...#"),
    "D": ("####.", "#...#", "#...#", "#...#", "#...#", "#...#", "####."),
    "G": (".###.", "#...#", "#....", "#.###", "#...#", "#...#", ".###."),
    "N": ("#...#", "##..#", "##..#", "#.#.#", "#..##", "#..##", "#...#"),
}
LEFT, TOP = (GRAIN - 5) // 2, (GRAIN - 7) // 2
"""White left of a letter and above it."""


def _columns(word: str) -> np.ndarray:
    """[5 * GRAIN]: each column of squares as a number, two bits for each of a letter's rows.

    The topmost row's are the lowest bits, 1 if the square is black. Three such columns can be
    added up: the two bits then say how many of the three are black.
    """
    bits = np.zeros((max(map(len, WORDS)), GRAIN), np.int32)
    for place, letter in enumerate(word):
        for row, squares in enumerate(_LETTERS[letter]):
            black = np.array([square == "#" for square in squares])
            bits[place, LEFT : LEFT + 5] += black << 2 * row
    return bits.reshape(-1)


COLUMNS = np.stack([_columns(word) for word in WORDS])
"""[3, 5 * GRAIN]"""
LENGTHS = np.array([len(word) for word in WORDS])
