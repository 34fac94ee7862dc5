"""Which layer of an encoder knows most about names, before any fine-tuning.

For each layer, a linear classifier of tokens (a token is the mean of its sub-tokens) is trained on what the
layer gives, and scored on posts that it has not seen. Where the last layers fall behind, as in encoders of
sentences, leave them out: `drop_last_layers` of `spacy_mner.prepare_transformer.v1`. For example:

    python benchmarks/encoder_layers.py corpus/twitter2017/train.spacy corpus/twitter2017/test.spacy FOLDER
"""

from pathlib import Path
from typing import Annotated, Any

import spacy
import torch
import typer
from spacy.tokens import Doc, DocBin
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, layer_norm
from transformers import AutoModel, AutoTokenizer

POSTS, TOKENS = 64, 512  # of a batch
EPOCHS = 6
RATE = 3e-3


def main(
    train: Annotated[Path, typer.Argument(help="Training posts in .spacy format")],
    test: Annotated[Path, typer.Argument(help="Posts that are scored, in .spacy format")],
    encoder: Annotated[str, typer.Argument(help="Name or folder of the encoder")],
) -> None:
    """Print the F1 of tokens (a label other than O) of each layer."""
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    network = AutoModel.from_pretrained(encoder).eval()
    nlp = spacy.blank("en")
    labels: dict[str, int] = {"O": 0}
    (x_train, y_train), (x_test, y_test) = (
        features(list(DocBin().from_disk(path).get_docs(nlp.vocab)), tokenizer, network, labels)
        for path in (train, test)
    )
    for layer, (seen, unseen) in enumerate(zip(x_train, x_test, strict=True)):
        classifier = fit(seen, y_train, len(labels))
        score = f1(classifier(unseen).argmax(dim=1), y_test)
        print(f"{f'layer {layer}' if layer else 'embeddings':10} {100 * score:.1f}", flush=True)


@torch.no_grad()
def features(
    docs: list[Doc], tokenizer: Any, network: Any, labels: dict[str, int]
) -> tuple[list[Tensor], Tensor]:
    """RETURNS (Tuple[List[Tensor], Tensor]): (N, D) of each layer, standardized; and the (N,) labels."""
    docs = sorted(docs, key=len)  # less padding
    layers: list[list[Tensor]] = []
    for start in range(0, len(docs), POSTS):
        posts = [[token.text for token in doc] for doc in docs[start : start + POSTS]]
        batch = tokenizer(
            posts, is_split_into_words=True, padding=True, truncation=True, return_tensors="pt"
        )
        states = network(**batch, output_hidden_states=True).hidden_states
        layers = layers or [[] for _ in states]
        for i, post in enumerate(posts):
            pooling = torch.zeros(len(post), states[0].shape[1])
            for position, word in enumerate(batch.word_ids(i)):
                if word is not None:
                    pooling[word, position] = 1.0
            pooling /= pooling.sum(dim=1, keepdim=True).clamp(min=1.0)
            for layer, state in zip(layers, states, strict=True):
                layer.append(pooling @ state[i])
    tokens = (token for doc in docs for token in doc)
    names = (f"{token.ent_iob_}-{token.ent_type_}".removesuffix("-") for token in tokens)
    y = torch.tensor([labels.setdefault(name, len(labels)) for name in names])
    x = (torch.cat(layer) for layer in layers)
    return [layer_norm(layer, layer.shape[-1:]) for layer in x], y


def fit(x: Tensor, y: Tensor, n_labels: int) -> nn.Linear:
    """RETURNS (nn.Linear): A classifier of tokens."""
    torch.manual_seed(0)
    classifier = nn.Linear(x.shape[1], n_labels)
    optimizer = torch.optim.Adam(classifier.parameters(), RATE)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(TOKENS):
            loss = cross_entropy(classifier(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return classifier


def f1(found: Tensor, y: Tensor) -> float:
    """RETURNS (float): F1 of the tokens whose label is not O."""
    right = int(((found == y) & (y != 0)).sum())
    return 2 * right / max(int((found != 0).sum()) + int((y != 0).sum()), 1)


if __name__ == "__main__":
    typer.run(main)
