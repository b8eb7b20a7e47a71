"""Rows told apart, by each of the three ways there are."""

import numpy as np
import pytest

from dreamrl.references.distinct import distinct


@pytest.mark.parametrize("spread", [1, 10**5, 2**40])
def test_distinct_rows_are_told_apart(spread):
    """Small ranges are looked up, larger ones sorted, and the largest compared as bytes."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(-2, 3, (500, 2)) * spread
    reals = rng.choice([0.0, -0.0, 0.5], 500)
    flags = rng.integers(0, 2, 500).astype(bool)
    rows, inverse = distinct([numbers, reals, flags])
    table = np.column_stack([numbers, reals, flags])
    assert len(rows) == len(np.unique(table, axis=0))
    np.testing.assert_array_equal(table[rows][inverse], table)


def test_no_rows():
    rows, inverse = distinct([np.zeros((0, 3)), np.zeros(0, int)])
    assert len(rows) == len(inverse) == 0
