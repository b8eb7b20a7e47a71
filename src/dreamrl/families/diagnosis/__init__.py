"""The family `diagnosis`: faults, tests and repairs, from tables of one's own."""

from dreamrl.families.diagnosis.family import (
    PUMP,
    Diagnosis,
    Machine,
    diagnosis,
    from_columns,
)
from dreamrl.families.diagnosis.table import Table, posterior

__all__ = ["PUMP", "Diagnosis", "Machine", "Table", "diagnosis", "from_columns", "posterior"]
