"""cuDNN's precision. Its settings can be made without a GPU."""

from typing import Iterator

import pytest
import torch

from spacy_mner.cuda import exact_cudnn

cudnn = torch.backends.cudnn


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    before = [op.fp32_precision for op in operators()], cudnn.deterministic
    yield
    for op, precision in zip(operators(), before[0], strict=True):
        op.fp32_precision = precision
    cudnn.deterministic = before[1]


def operators():
    if not hasattr(cudnn, "conv"):
        pytest.skip("this torch has one precision for all operators")
    return [cudnn.conv, cudnn.rnn]


@pytest.mark.parametrize("precision", ["tf32", "ieee"])
def test_single_precision_within_and_what_the_user_set_after(precision):
    cudnn.deterministic = True
    for op in operators():
        op.fp32_precision = precision
    with exact_cudnn(torch.device("cuda")):
        assert [op.fp32_precision for op in operators()] == ["ieee", "ieee"]
        assert cudnn.deterministic
    assert [op.fp32_precision for op in operators()] == [precision, precision]


def test_nothing_is_set_for_a_cpu():
    for op in operators():
        op.fp32_precision = "tf32"
    with exact_cudnn(torch.device("cpu")):
        assert [op.fp32_precision for op in operators()] == ["tf32", "tf32"]
