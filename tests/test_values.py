"""Numbers and ends, as libraries hand them out."""

import decimal
import fractions

import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.values import flag, number, shown


class Tensor:
    """As those of PyTorch."""

    def __init__(self, *values):
        self.values = values

    def item(self):
        if len(self.values) != 1:
            raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")
        return self.values[0]


class Rude:
    def __repr__(self):
        raise RuntimeError


WRAPPED = {
    "bare": lambda x: x,
    "list": lambda x: [x],
    "tuple": lambda x: (x,),
    "0-d": lambda x: np.array(x),
    "1-d": lambda x: np.array([x]),
    "2-d": lambda x: np.array([[x]]),
    "list of arrays": lambda x: [np.array([x])],
    "jax": lambda x: jnp.array(x),
    "jax 1-d": lambda x: jnp.array([x]),
    "tensor": Tensor,
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED.keys())
def test_one_value_is_a_value_however_it_is_wrapped(wrap):
    assert number(wrap(1.5)) == 1.5
    assert isinstance(number(wrap(1.5)), float)
    for value in (True, False):
        assert flag(wrap(value)) is value
    assert flag(wrap(1)) is True
    assert number(wrap(3)) == 3.0


@pytest.mark.parametrize(
    "value",
    [np.float16(2), np.int8(2), fractions.Fraction(2), decimal.Decimal(2), np.longdouble(2)],
    ids=repr,
)
def test_all_kinds_of_numbers(value):
    assert number(value) == 2.0


@pytest.mark.parametrize(
    "value",
    list(enumerate([
        "1", b"1", "False", None, [], (), {}, {1}, np.array([]), np.array(["1"]), np.array([None]),
        [1.0, 2.0], np.array([1.0, 2.0]), np.array([True, False]), jnp.array([1.0, 2.0]),
        Tensor(1, 2), Tensor("1"), 1j, np.complex64(1), np.array([1j]), np.datetime64("2026-01-01"),
        np.str_("1"), object(), Rude(), [[1, 2]], [None], int,
    ])),
    ids=lambda each: f"{each[0]}-{type(each[1]).__name__}",
)  # fmt: skip
def test_all_else_is_refused(value):
    _, value = value
    for read in (number, flag):
        with pytest.raises(ValueError, match=r"is not|is neither"):
            read(value)


@pytest.mark.parametrize(
    "value", [np.nan, np.inf, 2, -1, 0.5, np.array(np.nan), [np.nan]], ids=repr
)
def test_an_end_is_one_or_none(value):
    with pytest.raises(ValueError, match="is neither True nor False"):
        flag(value)


def test_anything_is_shown_on_one_short_line():
    for value in (np.eye(9), "a\nb" * 99, Rude(), {"a": np.eye(3)}, list(range(999)), np.eye(2)):
        assert "\n" not in shown(value)
        assert 0 < len(shown(value)) <= 80
