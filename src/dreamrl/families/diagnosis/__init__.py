"""The family `diagnosis`: faults, tests and repairs, from tables of one's own."""

from dreamrl.families.diagnosis.family import (
    ASIA,
    PUMP,
    Diagnosis,
    Machine,
    diagnosis,
    from_columns,
    from_network,
)
from dreamrl.families.diagnosis.table import Table, posterior

__all__ = [
    "ASIA",
    "PUMP",
    "Diagnosis",
    "Machine",
    "Table",
    "diagnosis",
    "from_columns",
    "from_network",
    "posterior",
]
