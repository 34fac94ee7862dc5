"""Contestants take turns, so that a noisy machine is noisy for all."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Name = TypeVar("Name")


@dataclass
class Turns:
    """What a contestant took.

    seconds (list[float]): of each turn, by the clock.
    cpu (list[float]): of each turn, CPU time of this process in seconds.
    result (Any): what the last turn gave.
    """

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    result: Any = None

    @property
    def best(self) -> float:
        """Seconds of the fastest turn: other work on the machine only ever adds to a time."""
        return min(self.seconds)


def take_turns(
    contestants: Mapping[Name, Callable[[], Any]],
    rounds: int,
    *,
    after_turn: Callable[[Name, float], None] | None = None,
) -> dict[Name, Turns]:
    """Call the contestants one after the other, so many times.

    after_turn (Callable[[Name, float], None] | None): called with a name and the seconds of its turn.
    """
    turns = {name: Turns() for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            turns[name].result = contestant()
            turns[name].cpu.append(time.process_time() - start_cpu)
            turns[name].seconds.append(time.perf_counter() - start)
            if after_turn is not None:
                after_turn(name, turns[name].seconds[-1])
    return turns
