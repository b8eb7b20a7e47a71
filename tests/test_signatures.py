"""Public signatures say what shapes their arrays have."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "dreamrl"
ARRAYS = {"Array", "ndarray"}
SHAPED = {"Shaped", "Float", "Int", "Integer", "Bool", "UInt8", "PyTree"}


def bare(annotation):
    """Arrays in an annotation of which no shape is said."""
    if annotation is None:
        return
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    if isinstance(annotation, ast.Subscript):
        name = ast.unparse(annotation.value)
        if name in SHAPED:
            return
        yield from bare(annotation.slice)
        return
    if isinstance(annotation, ast.Name | ast.Attribute):
        if ast.unparse(annotation).rpartition(".")[2] in ARRAYS:
            yield ast.unparse(annotation)
        return
    for child in ast.iter_child_nodes(annotation):
        yield from bare(child)


def public_functions(node):
    for child in ast.iter_child_nodes(node):
        private = getattr(child, "name", "").startswith("_")
        if isinstance(child, ast.ClassDef) and not private:
            yield from public_functions(child)
        seen = not private or child.name in ("__init__", "__call__")
        if isinstance(child, ast.FunctionDef) and seen:
            yield child


def found_in(text):
    for function in public_functions(ast.parse(text)):
        arguments = [x for x in ast.walk(function.args) if isinstance(x, ast.arg)]
        annotations = [x.annotation for x in arguments] + [function.returns]
        for annotation in annotations:
            yield from (f"{function.name}: {name}" for name in bare(annotation))


def test_arrays_have_shapes():
    files = {path.relative_to(SOURCE): path.read_text() for path in SOURCE.rglob("*.py")}
    found = {str(path): list(found_in(text)) for path, text in files.items()}
    assert not {path: names for path, names in found.items() if names}


def test_bare_arrays_are_found():
    text = """
def one(x: "Array", *, y: Float[Array, " n"] | np.ndarray) -> list[Array]: ...
class Two:
    def three(self, z: Float[Array, ""]) -> dict[str, jax.Array]: ...
    def _four(self, z: Array): ...
"""
    assert list(found_in(text)) == [
        "one: Array",
        "one: np.ndarray",
        "one: Array",
        "three: jax.Array",
    ]
