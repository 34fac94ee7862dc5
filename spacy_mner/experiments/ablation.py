"""What each modality is worth at test time: a trained model is scored without it."""

import contextlib
import itertools
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from spacy.language import Language
from spacy.training import Example

from ..evaluation.evaluate import evaluate
from ..models.tagger import get_shim, get_tagger, missing_modalities
from ..pictures import Condition
from ..pipeline.find import find_mner

KEPT = ("ents_p", "ents_r", "ents_f", "ents_seg_p", "ents_seg_r", "ents_seg_f", "ents_macro_f")


class Removal(NamedTuple):
    """One way to score a trained model.

    name (str): "on", "off", "shuffled", "no-word", "no-char".
    title (str): for tables.
    images (Condition): what pictures the posts have.
    missing (Tuple[str, ...]): modalities that are made to miss from every token.
    """

    name: str
    title: str
    images: Condition
    missing: Tuple[str, ...] = ()


def removals(nlp: Language, images: Condition = "on") -> List[Removal]:
    """The ways in which a pipeline can be scored.

    nlp (Language): a trained pipeline.
    images (Condition): the pictures of the full model; "off" for one that looks at none.
    RETURNS (List[Removal]): the full model first.
    """
    model = find_mner(nlp).model
    # An encoder's initial state and the evidence look at pictures, too, and are no modalities.
    blueprint = get_shim(model).blueprint
    sees = bool(blueprint.docs) or blueprint.initial_state is not None
    sees = (sees or blueprint.evidence is not None) and images != "off"
    ways = [Removal(images, "everything", images) if sees else Removal("off", "everything", "off")]
    if sees:
        ways.append(Removal("off", "without pictures", "off"))
        if images == "shuffled":
            ways.append(Removal("on", "with the posts' own pictures", "on"))
        else:
            ways.append(Removal("shuffled", "with the pictures of other posts", "shuffled"))
    names = [name for name in get_tagger(model).modality_names if name not in blueprint.docs]
    titles = {"word": "without word vectors", "char": "without characters"}
    if len(names) > 1:
        for name in names:
            title = titles.get(name, f"without {name}")
            ways.append(Removal(f"no-{name}", title, ways[0].images, (name,)))
    return ways


def ablate(
    nlp: Language,
    examples: Sequence[Example],
    *,
    images: Condition = "on",
    seed: int = 0,
    batch_size: Optional[int] = None,
    progress: bool = False,
) -> Dict[str, Dict[str, Any]]:
    """Score a pipeline with everything, and with one thing missing at a time.

    nlp (Language): a trained pipeline.
    examples (Sequence[Example]): the data. Never changed.
    images (Condition): see `removals`.
    seed (int): of the exchange of pictures.
    batch_size (Optional[int]): posts per batch.
    progress (bool): show progress bars.
    RETURNS (Dict[str, Dict[str, Any]]): title, scores and counts per post, by the removal's name.
    """
    results: Dict[str, Dict[str, Any]] = {}
    with _upstream_once(nlp, examples, batch_size) as examples:
        for way in removals(nlp, images):
            results[way.name] = _score(nlp, way, examples, seed, batch_size, progress)
    return results


def _score(
    nlp: Language,
    way: Removal,
    examples: Sequence[Example],
    seed: int,
    batch_size: Optional[int],
    progress: bool,
) -> Dict[str, Any]:
    with contextlib.ExitStack() as stack:
        if way.missing:
            stack.enter_context(missing_modalities(find_mner(nlp).model, way.missing))
        scores = evaluate(
            nlp,
            examples,
            way.images,
            seed,
            counts=True,
            batch_size=batch_size,
            progress=progress,
        )
    return {
        "title": way.title,
        "scores": {key: scores[key] for key in KEPT},
        "counts": scores["counts"],
    }


@contextlib.contextmanager
def _upstream_once(
    nlp: Language, examples: Sequence[Example], batch_size: Optional[int]
) -> Iterator[Sequence[Example]]:
    """Run what `mner` listens to once, and not again while the block lasts.

    A transformer takes nearly all of the time, and sees neither the pictures nor what misses from a token.

    RETURNS: examples whose predicted docs hold what the listeners look for. (Those given, where `mner`
        listens to nothing, or something else comes before what it listens to.)
    """
    listened = {getattr(node, "upstream_name", None) for node in find_mner(nlp).model.walk()}
    names = list(itertools.takewhile(lambda name: name in listened, nlp.pipe_names))
    if not names:
        yield examples
        return
    with nlp.select_pipes(enable=names):
        docs = nlp.pipe((eg.predicted.copy() for eg in examples), batch_size=batch_size)
        annotated = [Example(doc, eg.reference) for doc, eg in zip(docs, examples, strict=True)]
    with nlp.select_pipes(disable=names):
        yield annotated
