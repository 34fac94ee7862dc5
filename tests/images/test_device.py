"""Where a network computes."""

import pickle

import pytest
import torch

from spacy_mner.images import device
from spacy_mner.images.device import Device


def test_a_named_device():
    assert Device("cuda:1").get() == torch.device("cuda", 1)
    with pytest.raises(ValueError, match=r"M011.*device is 'toaster'"):
        Device("toaster")


def test_whoever_asks_first_decides(monkeypatch):
    """Thinc's current device is asked at first use, and not again: it is a thread's own."""
    found = Device(None)
    monkeypatch.setattr(device, "get_torch_default_device", lambda: torch.device("meta"))
    assert found.get() == torch.device("meta")
    monkeypatch.setattr(device, "get_torch_default_device", lambda: torch.device("cpu"))
    assert found.get() == torch.device("meta")
    assert pickle.loads(pickle.dumps(found)).get() == torch.device("cpu")
