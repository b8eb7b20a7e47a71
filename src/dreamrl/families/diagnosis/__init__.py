"""The family `diagnosis`: faults, tests and repairs, from the user's tables."""

from dreamrl.families.diagnosis.family import (
    ASIA,
    PUMP,
    Diagnosis,
    Machine,
    diagnosis,
    from_columns,
    from_network,
)
from dreamrl.families.diagnosis.fleet import Fleet, fleet, fleet_of
from dreamrl.families.diagnosis.table import Table, posterior

__all__ = [
    "ASIA",
    "PUMP",
    "Diagnosis",
    "Fleet",
    "Machine",
    "Table",
    "diagnosis",
    "fleet",
    "fleet_of",
    "from_columns",
    "from_network",
    "posterior",
]
