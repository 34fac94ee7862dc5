"""The weight of each modality by kind of word: where does the model turn from words to characters?"""

import re
from typing import Dict, List, Sequence

import numpy as np

from ..models.modalities.lookup import is_known
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


def find_groups(posts: Sequence[Attended]) -> Dict[str, np.ndarray]:
    """Which tokens of the posts, one after the other, are of which kind: a mask (N,) by the kind's name."""
    tokens = [token for post in posts for token in post.doc]
    known = np.array([is_known(token.text, token.vocab.vectors) for token in tokens])
    entity = np.array([bool(token.ent_type) for post in posts for token in post.reference])
    return {
        "all": np.ones(len(tokens), dtype=bool),
        "with a word vector": known,
        "without a word vector": ~known,
        "oddly spelled (stretched, digits among letters)": np.array(
            [is_odd(t.text) for t in tokens]
        ),
        "mentions, hashtags, links": np.array([is_marked(t.text) for t in tokens]),
        "in entities": entity,
        "in entities, without a word vector": entity & ~known,
    }


def weights_table(posts: Sequence[Attended]) -> Table:
    """The mean weight of each modality over the tokens of each kind.

    posts (Sequence[Attended]): labelled posts, at least one.
    """
    names = list(posts[0].doc._.modality_names)
    weights = np.concatenate([np.asarray(post.doc._.modality_weights) for post in posts])
    rows: List[Sequence[Cell]] = []
    for title, mask in find_groups(posts).items():
        rows.append([title, int(mask.sum()), *_spread(weights[mask], len(names))])
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
