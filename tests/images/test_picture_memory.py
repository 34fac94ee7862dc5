"""What a picture takes in memory while it is read, as the benchmark measures it."""

import os
import sys
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("PIL")
pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/clear_refs"), reason="a process must be able to forget its peak"
)
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
picture_memory = import_module("picture_memory")


@pytest.mark.parametrize(
    ("kind", "bytes_per_pixel"),
    [
        ("PNG", 4),  # as Pillow holds it
        ("PNG, transparent", 8),
        ("PNG, grey and transparent", 8),
        ("PNG, 16 bits", 6),
        ("TIFF, floats", 8),
    ],
)
def test_a_picture_is_held_twice_at_most(kind, bytes_per_pixel):
    assert picture_memory.measure(kind, megapixels=9) < bytes_per_pixel + 1.5
