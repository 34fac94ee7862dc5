"""Mean and standard deviation of a score over several runs."""

import math
from typing import Any, Iterable, List, Mapping, NamedTuple, Optional

from .table import Value


class Spread(NamedTuple):
    """A figure over several runs.

    mean (float): the mean.
    sd (float): standard deviation of the sample (n - 1): the runs stand for all that could have been
        made. 0 for a single run.
    n (int): number of runs.
    """

    mean: float
    sd: float
    n: int

    def value(self, digits: int = 1) -> Value:
        """For a table: a single run has no deviation."""
        return Value(self.mean, self.sd if self.n > 1 else None, digits)


def spread(values: Iterable[float]) -> Spread:
    """Mean and standard deviation of one value a run, of which there is at least one."""
    found = list(values)
    mean = sum(found) / len(found)
    squares = sum((value - mean) ** 2 for value in found)
    deviation = math.sqrt(squares / (len(found) - 1)) if len(found) > 1 else 0.0
    return Spread(mean, deviation, len(found))


def spread_of(results: Iterable[Mapping[str, Any]], *keys: str) -> Optional[Spread]:
    """The spread of one score, in percent; None where a run lacks it.

    results (Iterable[Mapping[str, Any]]): of runs or evaluations.
    *keys (str): the way to the score, such as "scores", "ents_f".
    """
    values: List[float] = []
    for result in results:
        value: Any = result
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, (int, float)):
            return None
        values.append(100.0 * value)
    return spread(values) if values else None
