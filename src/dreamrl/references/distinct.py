"""Rows of integers or reals told apart, fast for the millions of them that tables have."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, Shaped

LARGEST_INDEX = 20_000_000
"""Largest range of packed rows that is looked up directly rather than sorted."""


def distinct(
    columns: Sequence[Shaped[np.ndarray, "rows ..."]],
) -> tuple[Int[np.ndarray, " found"], Int[np.ndarray, " rows"]]:
    """Return one row number for each distinct row, and for each row which distinct one it is.

    Each array holds one or more columns, [rows, ...].
    """
    keys, size = _one_number_a_row([np.asarray(column) for column in columns])
    if keys.dtype == np.int64 and size <= LARGEST_INDEX:
        is_key = np.zeros(size, bool)
        is_key[keys] = True
        numbers = np.cumsum(is_key) - 1
        inverse = numbers[keys]
        rows = np.empty(is_key.sum(), np.int64)
        rows[inverse] = np.arange(len(keys))
        return rows, inverse
    _, rows, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return rows, inverse.reshape(-1)


def _one_number_a_row(columns: list[np.ndarray]) -> tuple[np.ndarray, int]:
    """Return all columns as one number a row, below the returned size; or as bytes."""
    blocks = [_integers(c).reshape(len(c), math.prod(c.shape[1:])) for c in columns]
    keys, size = np.zeros(len(columns[0]), np.int64), 1
    if not len(keys):
        return keys, size
    flat = [column for block in blocks for column in block.T]
    for column in flat:
        low, high = int(column.min()), int(column.max())
        size *= high - low + 1
        if size >= 2**62:
            rows = np.ascontiguousarray(np.stack(flat, 1))
            return rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0], size
        keys *= high - low + 1
        keys += column - low
    return keys, size


def _integers(column: np.ndarray) -> np.ndarray:
    if np.issubdtype(column.dtype, np.floating):
        numbers = np.unique(column, return_inverse=True)[1]
        return numbers.reshape(column.shape)
    return column.astype(np.int64)
