"""The tiny families keep the rules that they are used to check others by."""

import pytest

from dreamrl.testing import check_family


@pytest.mark.parametrize("name", ["nothing_to_know", "irrelevant_fact", "relevant_fact"])
def test_tiny_families_keep_the_rules(name, request):
    check_family(request.getfixturevalue(name))
