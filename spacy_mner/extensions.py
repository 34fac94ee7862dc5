"""The attributes this package puts on `Doc`, `Token` and `Span`."""

import math
from typing import Dict, Optional

import numpy as np
from spacy.tokens import Doc, Span, Token

# Stands in `SpanGroup.attrs`, so that scores of other components that use
# spaCy's convention (`attrs["scores"]`) are not mistaken for ours.
SCORES_SOURCE = "mner"


def set_extensions() -> None:
    """Register the extension attributes. An attribute that exists already is left as it is.

    | attribute                 | value                                                            |
    |---------------------------|------------------------------------------------------------------|
    | `Doc._.image`             | path, bytes, PIL image or (H, W, 3) array, or a list of them      |
    | `Doc._.image_id`          | str: key into a feature store                                    |
    | `Doc._.image_vec`         | float array (D,) or (R, D); None = no picture                    |
    | `Doc._.image_errors`      | list of str: why pictures of the post could not be encoded, or None |
    | `Doc._.modality_names`    | list of str: the columns of `Doc._.modality_weights`             |
    | `Doc._.modality_weights`  | float32 array (n_tokens, M)                                      |
    | `Token._.modality_weights`| dict from modality to weight, or None                            |
    | `Span._.score`            | float: probability of this span with this label, or None         |
    """
    names = ("image", "image_id", "image_vec", "image_errors", "modality_names", "modality_weights")
    for name in names:
        if not Doc.has_extension(name):
            Doc.set_extension(name, default=None)
    if not Token.has_extension("modality_weights"):
        Token.set_extension("modality_weights", getter=_token_modality_weights)
    if not Span.has_extension("score"):
        Span.set_extension("score", getter=_span_score)


def span_key(span: Span) -> str:
    """What tells an entity from others, whatever becomes of the tokens: "start:end:label".

    span (Span): the entity.
    RETURNS (str): character offsets and label; a str, because it is a key in JSON and msgpack.
    """
    return f"{span.start_char}:{span.end_char}:{span.label_}"


def token_weights(doc: Doc) -> Optional[np.ndarray]:
    """`Doc._.modality_weights` as long as they are those of its tokens, else None.

    Once tokens were merged or split, the rows are those of other tokens.
    """
    weights = doc._.modality_weights
    return None if weights is None or len(weights) != len(doc) else weights


def _token_modality_weights(token: Token) -> Optional[Dict[str, float]]:
    weights = token_weights(token.doc)
    if weights is None:
        return None
    row = weights[token.i].tolist()
    return dict(zip(token.doc._.modality_names, row, strict=True))


def _span_score(span: Span) -> Optional[float]:
    key = span_key(span)
    for group in span.doc.spans.values():
        # The attrs alone: the group's spans cannot be read any more once tokens were merged.
        position = None
        if group.attrs.get("source") == SCORES_SOURCE:
            position = group.attrs.get("index", {}).get(key)
        scores = group.attrs.get("scores", ())
        if position is not None and position < len(scores):
            score = float(scores[position])
            return None if math.isnan(score) else score
    return None
