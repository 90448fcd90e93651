"""What the lab boots, and what it asks of what comes back.

A Part is a script of lab/guest/ and the function that judges what the script left. A Boot is a machine
on which one part or several run, one after the other. Adding a scenario: a script, a judge, a line in
boots.py.
"""

import dataclasses
from typing import Callable

from guest import Machine

ALL_KERNELS = ("6.1", "6.12", "6.1-rt")
NOT_RT = ("6.1", "6.12")


@dataclasses.dataclass(frozen=True)
class Part:
    name: str
    script: str  # in lab/guest/
    judge: Callable  # (Evidence, Checks) -> None
    settings: dict = dataclasses.field(default_factory=dict)  # environment of the script


@dataclasses.dataclass(frozen=True)
class Boot:
    name: str
    shows: str  # one line for the table
    parts: tuple
    machine: Machine = Machine()
    kernels: tuple = NOT_RT
    timeout: int = 600  # seconds, at least five times what it takes on an idle host
    quick: bool = False  # part of `./dev lab` without names, and so of CI
    not_on: dict = dataclasses.field(default_factory=dict)  # kernel -> why it cannot be shown there
