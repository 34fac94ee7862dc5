"""What every test shares: equal random numbers, and GPU tests that skip where there is no GPU."""

import os

import pytest
import torch
from hypothesis import HealthCheck, settings
from thinc.api import fix_random_seed
from thinc.compat import has_cupy_gpu

from .pipelines import trained_on_files, trained_on_vectors  # noqa: F401 (fixtures)

# The tests' tensors are tiny: a second thread only waits, and slows them down many times on busy cores.
torch.set_num_threads(1)

# A busy machine is no failure. A test that fails says how to see that again; in CI, all days have the same
# examples.
settings.register_profile(
    "patient",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize="CI" in os.environ,
)
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _seed() -> None:
    fix_random_seed(0)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests marked `gpu` without a CUDA device, or without CuPy unless marked `gpu(cupy=False)`."""
    marker = item.get_closest_marker("gpu")
    if marker is None:
        return
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    if marker.kwargs.get("cupy", True) and not has_cupy_gpu:
        pytest.skip("no CuPy that works with this GPU")
