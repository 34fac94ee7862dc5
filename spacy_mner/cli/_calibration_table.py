"""Figures of `evaluation.calibration` as a row of a table."""

from typing import Any, Dict, Tuple

CALIBRATION_HEADER = ("", "mean", "right", "ECE", "ECE equal mass", "Brier", "NLL")


def calibration_row(name: str, found: Dict[str, Any]) -> Tuple[str, ...]:
    """A row under `CALIBRATION_HEADER`: all but the last two in percent."""
    percent = [found[key] for key in ("confidence", "accuracy", "ece", "ece_equal_mass")]
    plain = [found[key] for key in ("brier", "nll")]
    return (
        name,
        *("-" if value is None else f"{100 * value:.2f}" for value in percent),
        *("-" if value is None else f"{value:.4f}" for value in plain),
    )
