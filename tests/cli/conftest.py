import pytest


@pytest.fixture(scope="session")
def trained(trained_on_vectors):
    """A trained pipeline and its data: see `trained_on_vectors`."""
    return trained_on_vectors
