"""All tests here need the extra `transformers`, and no network."""

import warnings

import pytest

from .builders import save_encoder


@pytest.fixture(scope="session")
def encoder_dir(tmp_path_factory):
    """Folder of the tiny encoder."""
    with warnings.catch_warnings():
        # Raised while the packages are imported; nothing of ours.
        warnings.simplefilter("ignore")
        pytest.importorskip(
            "spacy_transformers", reason="the extra `transformers` is not installed"
        )
    return save_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    """A name that is no folder fails at once, and no test depends on what somebody downloaded."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
