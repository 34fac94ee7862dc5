"""The weight of each modality by kind of word: where does the model turn from words to characters?"""

import re
from typing import Callable, Dict, List, Sequence

import numpy as np
from spacy.tokens import Token

from ..models.modalities.lookup import find_row
from ..visualization.table import Cell, Table, Value
from .attention import Attended

# "sooo", "gr8", "2nite"
_STRETCHED = re.compile(r"([^\W\d_])\1\1", re.IGNORECASE)
_MIXED = re.compile(r"[^\W\d_]+\d+[^\W\d_]*|\d+[^\W\d_]{2,}")
_MARKED = re.compile(r"[@#]\w|https?:|www\.", re.IGNORECASE)


def is_odd(text: str) -> bool:
    """Whether a word is spelled as no dictionary has it: a letter three times in a row, or digits among
    letters. Mentions, hashtags and links are another kind."""
    return not is_marked(text) and bool(_STRETCHED.search(text) or _MIXED.search(text))


def is_marked(text: str) -> bool:
    """Whether a token is a mention, a hashtag or a link."""
    return bool(_MARKED.match(text))


def has_vector(token: Token) -> bool:
    """Whether the table of word vectors knows a token, by the ladder of `find_row`."""
    return bool(find_row(token.text, token.vocab.vectors)[1] >= 0)


# Each of the predicted token and of the gold one.
GROUPS: Dict[str, Callable[[Token, Token], bool]] = {
    "all": lambda token, gold: True,
    "with a word vector": lambda token, gold: has_vector(token),
    "without a word vector": lambda token, gold: not has_vector(token),
    "oddly spelled (stretched, digits among letters)": lambda token, gold: is_odd(token.text),
    "mentions, hashtags, links": lambda token, gold: is_marked(token.text),
    "in entities": lambda token, gold: bool(gold.ent_type),
    "in entities, without a word vector": (
        lambda token, gold: bool(gold.ent_type) and not has_vector(token)
    ),
}


def weights_table(posts: Sequence[Attended]) -> Table:
    """The mean weight of each modality over the tokens of each kind.

    posts (Sequence[Attended]): labelled posts, at least one.
    """
    names = list(posts[0].doc._.modality_names)
    weights = np.concatenate([np.asarray(post.doc._.modality_weights) for post in posts])
    pairs = [pair for post in posts for pair in zip(post.doc, post.reference, strict=True)]
    rows: List[Sequence[Cell]] = []
    for title, belongs in GROUPS.items():
        chosen = weights[[belongs(token, gold) for token, gold in pairs]]
        rows.append([title, len(chosen), *_spread(chosen, len(names))])
    return Table(
        title="Mean weight of each modality",
        header=["Tokens", "Number", *names],
        rows=rows,
        breaks=[1, 5],
        note=(
            "Mean and standard deviation over the tokens. The weights of a token add up to 1; a modality "
            "that is missing from a token has weight 0 there."
        ),
    )


def _spread(weights: np.ndarray, n_modalities: int) -> List[Cell]:
    if not len(weights):
        return [None] * n_modalities
    return [Value(float(w.mean()), float(w.std()), digits=2) for w in weights.T]
