"""The words of the sign: letters of 5 x 7 squares, each in the middle of its square metre."""

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
SLIPS = 0.2
"""Share of a letter's squares that another hand gets wrong."""


HANDS = 64
"""Ways to write the letters. The first is neat, each other has letters of its own."""


def _distort(letter: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a letter as somebody might write it: mirrored, moved, with squares wrong."""
    letter = letter ^ (rng.random(letter.shape) < SLIPS)
    letter = letter[:, ::-1] if rng.random() < 0.5 else letter
    return np.roll(letter, rng.integers(-1, 2, 2), (0, 1))


def _columns(word: str, rng: np.random.Generator | None) -> np.ndarray:
    """Return [5 * GRAIN]: each column of squares as a number, two bits for each of a letter's rows.

    The topmost row's are the lowest bits, 1 if the square is black. Three such columns can be
    added up: the two bits then say how many of the three are black. Neat without `rng`.
    """
    bits = np.zeros((max(map(len, WORDS)), GRAIN), np.int32)
    for place, name in enumerate(word):
        letter = np.array([[square == "#" for square in row] for row in _LETTERS[name]])
        letter = letter if rng is None else _distort(letter, rng)
        for row, black in enumerate(letter):
            bits[place, LEFT : LEFT + 5] += black << 2 * row
    return bits.reshape(-1)


def _all_columns() -> np.ndarray:
    rng = np.random.default_rng(0)
    hands = [None, *[rng] * (HANDS - 1)]
    return np.stack([[_columns(word, hand) for word in WORDS] for hand in hands])


COLUMNS = _all_columns()
"""[HANDS, 3, 5 * GRAIN]"""
LENGTHS = np.array([len(word) for word in WORDS])
