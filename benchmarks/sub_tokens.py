"""What an encoder of Hugging Face reads of posts: how many sub-tokens are addresses and users' names.

Counted as the tokenizer is, and as `spacy_mner.prepare_transformer.v1` leaves it. For example:

    python benchmarks/sub_tokens.py corpus/twitter2015/train.spacy ENCODER_FOLDER
"""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import spacy
import typer
from spacy.tokens import Doc, DocBin

from spacy_mner.training.prepare_transformer import create_prepare_transformer_v1

KINDS = ("addresses", "names", "the rest")


def main(
    data: Annotated[Path, typer.Argument(help="Posts in .spacy format")],
    encoder: Annotated[str, typer.Argument(help="Name or folder of the encoder")],
) -> None:
    """Print sub-tokens of each kind, as they are and shortened."""
    nlp = spacy.blank("en")
    docs = list(DocBin().from_disk(data).get_docs(nlp.vocab))
    nlp.add_pipe("transformer", config={"model": {"name": encoder}})
    nlp.initialize()
    tokenizer = nlp.get_pipe("transformer").model.tokenizer
    before = count(tokenizer, docs)
    create_prepare_transformer_v1()(nlp)
    after = count(tokenizer, docs)
    print(f"{len(docs):,} posts, {sum(map(len, docs)):,} tokens")
    for title, counts in (("as they are", before), ("shortened", after)):
        total = sum(counts.values())
        shares = ", ".join(f"{kind} {100 * counts[kind] / total:.1f} %" for kind in KINDS)
        print(f"{title:12} {total:9,} sub-tokens, {total / len(docs):.1f} a post: {shares}")
    print(f"{sum(before.values()) / sum(after.values()):.2f} times as many as they are")


def count(tokenizer: Any, docs: list[Doc]) -> Counter[str]:
    """Sub-tokens of each kind of token, without those that frame a post."""
    counts: Counter[str] = Counter()
    for token in (token for doc in docs for token in doc):
        if token.text.startswith(("http://", "https://")):
            kind = KINDS[0]
        elif token.text.startswith("@") and len(token) > 1:
            kind = KINDS[1]
        else:
            kind = KINDS[2]
        counts[kind] += len(tokenizer(token.text, add_special_tokens=False)["input_ids"])
    return counts


if __name__ == "__main__":
    typer.run(main)
