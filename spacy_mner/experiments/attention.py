"""Figure 3: which modality the model listens to at each token of a post."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors
from ..evaluation.spans import entity_pair
from ..models.pytorch.attention import ModalityAttention
from ..models.tagger import get_tagger
from ..pictures import Condition, with_pictures
from ..pipeline.find import find_mner
from .captions import describe_picture


class Attended(NamedTuple):
    """A post, as the model labelled it, with its modality weights.

    place (int): its place in the data, from 0.
    doc (Doc): the predicted doc, with `Doc._.modality_weights`.
    reference (Doc): the gold.
    right (bool): all entities are right.
    confidence (float): the mean probability of its predicted entities; 0 without any.
    image_id (Optional[str]): of its picture in the data, which it may not have been shown.
    """

    place: int
    doc: Doc
    reference: Doc
    right: bool
    confidence: float
    image_id: Optional[str] = None


def attend(
    nlp: Language, examples: Sequence[Example], *, images: Condition = "on"
) -> List[Attended]:
    """Label posts and keep the modality weights.

    nlp (Language): a trained pipeline.
    examples (Sequence[Example]): the data. Never changed. Posts whose tokens differ from the gold's are left
        out.
    images (Condition): pictures.
    RAISES (ValueError): M127 if the model has no modality attention.
    """
    component = find_mner(nlp)
    if not isinstance(get_tagger(component.model).fusion, ModalityAttention):
        raise ValueError(Errors.M127.format(model=nlp.meta.get("name") or "of the argument"))
    settings = component.store_weights, component.scores
    component.store_weights = component.scores = True
    copies = with_pictures(examples, images)
    try:
        docs = list(nlp.pipe([eg.predicted for eg in copies]))
    finally:
        component.store_weights, component.scores = settings
    attended = []
    for index, (eg, doc, given) in enumerate(zip(copies, docs, examples, strict=True)):
        eg.predicted = doc
        pair = entity_pair(eg)
        if pair is None or len(doc) != len(eg.reference) or doc._.modality_weights is None:
            continue
        scores = [ent._.score for ent in doc.ents if ent._.score is not None]
        right = sorted(pair.gold) == sorted(pair.predicted)
        confidence = float(np.mean(scores)) if scores else 0.0
        image_id = given.reference._.image_id
        attended.append(Attended(index, doc, eg.reference, right, confidence, image_id))
    return attended


def choose_posts(
    posts: Sequence[Attended], *, ids: Sequence[str] = (), n: int = 4, source: Any = "the data"
) -> List[Attended]:
    """Posts by id, or the most confident right and wrong ones.

    ids (Sequence[str]): image ids, or places in the data (1 is the first).
    n (int): without ids: so many right ones, and so many wrong ones after them.
    source (Any): the data's name, for the message.
    RAISES (ValueError): M126 for an id that is not there.
    """
    if not ids:
        sure = sorted(posts, key=lambda post: (-post.confidence, post.place))
        right = [post for post in sure if post.right and post.doc.ents]
        # Wrong and confident: a predicted entity is wrong, or a gold one missing.
        wrong = [post for post in sure if not post.right]
        return [*right[:n], *wrong[:n]]
    by_id: Dict[str, Attended] = {}
    for post in posts:
        by_id.setdefault(str(post.place + 1), post)
        if post.image_id:
            by_id.setdefault(str(post.image_id), post)
    for id_ in ids:
        if id_ not in by_id:
            known = ", ".join(list(by_id)[:6])
            raise ValueError(Errors.M126.format(path=source, id=id_, known=known))
    return [by_id[id_] for id_ in ids]


def describe_attention(post: Attended, captions: Dict[str, str]) -> Dict[str, Any]:
    """A post as `visualization/heatmap.py` draws it."""
    doc = post.doc
    verdict = "right" if post.right else "wrong"
    if doc.ents:
        verdict += f", mean probability of its entities {post.confidence:.2f}"
    return {
        "name": f"post {post.place + 1}",
        "tokens": [token.text for token in doc],
        "gold": _bio(post.reference),
        "predicted": _bio(doc),
        "modalities": list(doc._.modality_names),
        "weights": [[round(float(w), 4) for w in row] for row in doc._.modality_weights],
        "picture": describe_picture(post.reference, captions),
        "verdict": verdict,
    }


def weight_range(posts: Sequence[Dict[str, Any]]) -> Tuple[float, float]:
    """The lightest and the darkest weight of a figure, the same for all of its posts.

    With the paper's sigmoid the weights of three modalities lie between .155 and .576: on a scale from 0 to
    1 all would look alike.
    """
    weights = [weight for post in posts for row in post["weights"] for weight in row]
    # A modality that is missing has weight 0, which says nothing about attention.
    found = [weight for weight in weights if weight > 0]
    return min(found, default=0.0), max(found, default=1.0)


def _bio(doc: Doc) -> List[str]:
    return [f"{t.ent_iob_}-{t.ent_type_}" if t.ent_type_ else "O" for t in doc]
