"""What the tests of the encoder `sentences` share."""

import json

import numpy as np
import torch

from spacy_mner.images.sentences import create_sentences_encoder

from ..transformers.builders import MAX_LENGTH, WIDTH
from .cases import CAPTIONS


def vectors_of(model, captions=CAPTIONS, **options):
    """One vector a caption, (B, D)."""
    encoder = create_sentences_encoder(model, **options)
    return np.stack(encoder.encode([encoder.read(caption) for caption in captions]))


@torch.inference_mode()
def reference(folder, captions, max_length=MAX_LENGTH):
    """The mean of the tokens, of length 1, one caption at a time."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    rows = []
    for caption in captions:
        inputs = tokenizer(caption, truncation=True, max_length=max_length, return_tensors="pt")
        assert inputs["attention_mask"].all()  # nothing is padded here
        hidden = network(**inputs).last_hidden_state[0]
        mean = hidden.sum(0) / len(hidden)
        rows.append((mean / mean.square().sum().sqrt()).numpy())
    return np.stack(rows)


def change_json(path, **values):
    """Set keys of an object in a file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def write_steps(folder, *modes, layers=()):
    """What sentence-transformers writes beside a network."""
    kinds = ["Transformer", "Pooling", *layers, "Normalize"]
    steps = [
        {
            "idx": i,
            "name": str(i),
            "path": "" if i == 0 else f"{i}_{kind}",
            "type": f"sentence_transformers.models.{kind}",
        }
        for i, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(steps))
    flags = {f"pooling_mode_{mode}": mode in modes for mode in ("cls_token", "mean_tokens")}
    flags.update({f"pooling_mode_{mode}": True for mode in modes})
    (folder / "1_Pooling").mkdir(exist_ok=True)
    config = {"word_embedding_dimension": WIDTH, **flags}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))
