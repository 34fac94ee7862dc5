"""Other ways to run the Bi-LSTM, half of the time of labelling: are they worth having?

Ours; torch's own LSTM over packed rows, also in bfloat16 and in int8 (dynamic quantisation); our recurrence
with its arithmetic compiled by `torch.compile`; ONNX Runtime. All have the weights of the pipeline, take
turns on the same batches, and are compared to torch's own in what comes out. For example:

    pip install onnx onnxruntime    # without them, ONNX Runtime does not take part
    python benchmarks/encoder_alternatives.py training/model-last corpus/test.spacy

The rows' lengths, and which of their words are the same, are those of the posts. The vectors of the words are
drawn at random: no way depends on what they are. Ours starts from what it keeps for each word form; the
others have nowhere to keep it.
"""

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from unittest import mock

import numpy as np
import spacy
import torch
import typer
from posts import read, words
from torch import Tensor, nn
from turns import take_turns

from spacy_mner.models.pytorch import bilstm
from spacy_mner.models.pytorch.bilstm import BiLSTM
from spacy_mner.models.pytorch.packing import pack, pad
from spacy_mner.models.tagger import get_tagger
from spacy_mner.pipeline.find import find_mner

try:
    import onnx
    import onnxruntime
except ImportError:
    onnx = None


class Batch(NamedTuple):
    """B posts.

    index (Tensor): long (B, T), word forms.
    mask (Tensor): bool (B, T), padding on the right.
    """

    index: Tensor
    mask: Tensor


# From a batch to (B, T, 2H).
Way = Callable[[Batch], Tensor]


def main(
    model: Annotated[str, typer.Argument(help="Trained pipeline")],
    posts: Annotated[Path, typer.Argument(help="Posts in .spacy format")],
    rounds: Annotated[int, typer.Option(help="Rounds of each", min=1)] = 7,
    batch_size: Annotated[int, typer.Option(help="Posts to a batch", min=1)] = 128,
) -> None:
    """Print words per second, how many times as fast as ours, and the largest difference; one thread."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = find_network(model)
    batches, n_forms = make_batches([words(doc) for doc in read(posts)], batch_size)
    n_words = sum(int(batch.mask.sum()) for batch in batches)
    with torch.inference_mode():
        vectors = torch.randn(n_forms, network.lstm.input_size)
        ways = make_ways(network, vectors)
        # The first round compiles, and what it gives is compared.
        outputs = {name: read_all(way, batches) for name, way in ways.items()}
        contestants = {name: partial(read_all, way, batches) for name, way in ways.items()}
        best = {name: turns.best for name, turns in take_turns(contestants, rounds).items()}
    print(f"{'':24} {'words/s':>9} {'times ours':>11} {'difference':>11}")
    for name in ways:
        times = best["ours"] / best[name]
        pairs = zip(outputs[name], outputs["torch"], strict=True)
        difference = max(float((a - b).abs().max()) for a, b in pairs)
        print(f"{name:24} {n_words / best[name]:9.0f} {times:11.2f} {difference:11.1e}")


def read_all(way: Way, batches: list[Batch]) -> list[Tensor]:
    return [way(batch) for batch in batches]


def find_network(model: str) -> BiLSTM:
    """The Bi-LSTM of a pipeline."""
    component = find_mner(spacy.load(model))
    network = getattr(get_tagger(component.model).encoder, "network", None)
    if not isinstance(network, BiLSTM) or network.lstm.num_layers != 1:
        raise typer.BadParameter("the encoder of this pipeline is no BiLSTM of one layer")
    return network.eval()


def make_batches(texts: list[list[str]], size: int) -> tuple[list[Batch], int]:
    """Batches of posts as they come, and the number of word forms."""
    forms: dict[str, int] = {}
    rows = [torch.tensor([forms.setdefault(w, len(forms)) for w in text]) for text in texts]
    batches = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        index = nn.utils.rnn.pad_sequence(part, batch_first=True)
        lengths = torch.tensor([len(row) for row in part])
        batches.append(Batch(index, torch.arange(index.shape[1]) < lengths.unsqueeze(1)))
    return batches, len(forms)


def make_ways(network: BiLSTM, vectors: Tensor) -> dict[str, Way]:
    """Each way by its name. vectors (Tensor): (U, nI) of the word forms."""
    table = network.project(vectors).contiguous()
    ways: dict[str, Way] = {
        "ours": lambda batch: network.read_projected(table, batch.index, batch.mask),
        "torch": torch_lstm(network.lstm, vectors),
        "torch, bfloat16": torch_lstm(copy.deepcopy(network.lstm).bfloat16(), vectors.bfloat16()),
        "torch, int8": torch_lstm(quantize(network.lstm), vectors),
        "ours, torch.compile": compiled(network, table),
    }
    if onnx is not None:
        ways["ONNX Runtime"] = onnx_runtime(network.lstm, vectors)
    return ways


def torch_lstm(lstm: nn.Module, vectors: Tensor) -> Way:
    """Torch's LSTM over packed rows."""

    def run(batch: Batch) -> Tensor:
        packed, _ = lstm(pack(vectors[batch.index], batch.mask.sum(1)))
        return pad(packed, batch.mask).float()

    return run


def quantize(lstm: nn.LSTM) -> nn.Module:
    """Weights in int8, inputs quantised batch by batch."""
    module = nn.Sequential(copy.deepcopy(lstm))
    return torch.ao.quantization.quantize_dynamic(module, {nn.LSTM}, dtype=torch.qint8)[0]


def compiled(network: BiLSTM, table: Tensor) -> Way:
    """Our recurrence, with what is not a matrix product of a step in one kernel."""

    @torch.compile(dynamic=True)
    def step(gates: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        i, f, o, g = gates.chunk(4, -1)
        cells = torch.sigmoid(f) * cells + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(cells), cells

    def states(steps: Any, hidden_weights: Tensor, sizes: list[int]) -> Tensor:
        width = hidden_weights.shape[1]
        cells = hidden_weights.new_zeros(2, sizes[0], width)
        h, outputs = None, []
        for gates in steps:
            n = gates.shape[1]
            if h is not None:
                gates = gates.baddbmm(h[:, :n], hidden_weights)
            h, cells = step(gates, cells[:, :n])
            outputs.append(h)
        return torch.cat(outputs, 1)

    def run(batch: Batch) -> Tensor:
        with mock.patch.object(bilstm, "lstm_states", states):
            return network.read_projected(table, batch.index, batch.mask)

    return run


def onnx_runtime(lstm: nn.LSTM, vectors: Tensor) -> Way:
    """The LSTM of ONNX, with the rows' lengths, in ONNX Runtime."""

    def weights(kind: str) -> np.ndarray:
        # From torch's order of the gates, i, f, g, o, to that of ONNX: i, o, f, g.
        both = [getattr(lstm, f"{kind}_l0{d}").detach().chunk(4) for d in ("", "_reverse")]
        return torch.stack([torch.cat([i, o, f, g]) for i, f, g, o in both]).numpy()

    bias = np.concatenate([weights("bias_ih"), weights("bias_hh")], 1)
    arrays = {"W": weights("weight_ih"), "R": weights("weight_hh"), "B": bias}
    node = onnx.helper.make_node(
        "LSTM",
        ["X", *arrays, "lengths"],
        ["Y"],
        hidden_size=lstm.hidden_size,
        direction="bidirectional",
    )
    of = onnx.helper.make_tensor_value_info
    floats, ints = onnx.TensorProto.FLOAT, onnx.TensorProto.INT32
    graph = onnx.helper.make_graph(
        [node],
        "encoder",
        [of("X", floats, ["T", "B", lstm.input_size]), of("lengths", ints, ["B"])],
        [of("Y", floats, ["T", 2, "B", lstm.hidden_size])],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    opset = [onnx.helper.make_opsetid("", 14)]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
    )

    def run(batch: Batch) -> Tensor:
        x = vectors[batch.index.T].numpy()
        lengths = batch.mask.sum(1).int().numpy()
        (y,) = session.run(None, {"X": x, "lengths": lengths})
        return torch.from_numpy(y).permute(2, 0, 1, 3).flatten(2)

    return run


if __name__ == "__main__":
    typer.run(main)
