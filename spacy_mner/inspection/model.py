"""The dimensions of an initialized model, and whether it can learn: a few updates, a prediction."""

import math
import time
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import torch
from spacy.language import Language
from spacy.training import Example
from spacy.ty import TrainableComponent
from thinc.api import Model, Optimizer, PyTorchShim
from torch import nn

from ..models.tagger import get_shim, get_tagger
from ..models.types import State
from ..pipeline.mner import MultimodalEntityRecognizer
from .pictures import raw_picture

TOK2VEC = "tok2vec"
EVIDENCE = "evidence"
INITIAL_STATE = "initial_state"


@dataclass
class PartSize:
    """One part of the model.

    name (str): as in the config: "word", "fusion".
    kind (str): its role: "modality", "context", "fusion", "encoder", "decoder", "evidence", "initial_state",
        "tok2vec".
    learnt (Dict[str, int]): what it took from the data: widths, and the sizes of tables.
    parameters (int): values that are trained.
    """

    name: str
    kind: str
    learnt: Dict[str, int]
    parameters: int


@dataclass
class TrialReport:
    """What a few updates and a prediction did.

    examples (int): posts in each update.
    losses (List[float]): before each update.
    unreached (Dict[str, List[str]]): parameters that no update gave a gradient, by part.
    picture_parts (List[str]): the parts that read the picture.
    not_finite (List[str]): parameters whose gradient was NaN or infinite.
    entities (Optional[int]): entities predicted on the same posts; None if it was not tried.
    seconds (float): for everything together.
    """

    examples: int
    losses: List[float] = field(default_factory=list)
    unreached: Dict[str, List[str]] = field(default_factory=dict)
    picture_parts: List[str] = field(default_factory=list)
    not_finite: List[str] = field(default_factory=list)
    entities: Optional[int] = None
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether the loss or a gradient was not finite."""
        return bool(self.not_finite) or not all(map(math.isfinite, self.losses))


def inspect_dimensions(pipe: MultimodalEntityRecognizer) -> List[PartSize]:
    """The size of each part of an initialized model, in the order in which a post passes them.

    RAISES (ValueError): M001 before initialization.
    """
    module = get_tagger(pipe.model)
    blueprint = get_shim(pipe.model).blueprint
    states = blueprint.get_state()["parts"]
    sizes = []
    tok2vec = pipe.model.get_ref(TOK2VEC) if pipe.model.has_ref(TOK2VEC) else None
    if tok2vec is not None:
        sizes.append(PartSize(TOK2VEC, TOK2VEC, {}, _count_thinc(tok2vec)))
    for name, kind, child in _parts(module):
        learnt = _sizes(states.get(f"modality:{name}" if kind == "modality" else name, {}))
        if kind == "context" and blueprint.context_width is not None:
            learnt["width"] = blueprint.context_width
        if isinstance(width := getattr(child, "nO", None), int):
            learnt["output"] = width
        if kind == "decoder":
            learnt["labels"] = len(blueprint.labels)
        sizes.append(PartSize(name, kind, learnt, _count(child)))
    return sizes


def choose_examples(examples: Iterable[Example], limit: int = 16) -> List[Example]:
    """A few posts that use every part: with entities, half of them with a picture where there are any.

    examples (Iterable[Example]): read to the end only if such posts are rare.
    limit (int): how many posts to choose.
    """
    wanted: Dict[bool, List[Example]] = {True: [], False: []}
    others: List[Example] = []
    for eg in examples:
        if not len(eg.predicted):
            continue
        bucket = wanted[raw_picture(eg.reference) is not None]
        if not eg.reference.ents:
            others.append(eg)
        elif len(bucket) < limit:
            bucket.append(eg)
        if min(len(bucket) for bucket in wanted.values()) >= limit // 2:
            break
    pictured = wanted[True][: max(limit // 2, limit - len(wanted[False]))]
    return [*pictured, *wanted[False], *others][:limit]


def try_out(
    nlp: Language,
    pipe: MultimodalEntityRecognizer,
    examples: Sequence[Example],
    *,
    optimizer: Optimizer,
    dropout: float = 0.0,
    steps: int = 3,
    exclude: Sequence[str] = (),
    annotates: Sequence[str] = (),
) -> TrialReport:
    """Update an initialized pipeline a few times and predict, as training would. It is changed by it.

    One update is not enough to tell whether a parameter is reached: what lies behind weights that
    start at zero gets its first gradient in the second one.

    nlp (Language): the pipeline.
    pipe (MultimodalEntityRecognizer): the component to watch.
    examples (Sequence[Example]): one batch.
    optimizer (Optimizer): from `[training.optimizer]`.
    dropout (float): from `[training]`.
    steps (int): number of updates.
    exclude, annotates (Sequence[str]): frozen and annotating components from `[training]`.
    RETURNS (TrialReport): it stops early where the loss or a gradient is not finite.
    """
    started = time.perf_counter()
    module, blueprint = get_tagger(pipe.model), get_shim(pipe.model).blueprint
    picture_parts = [*blueprint.docs, EVIDENCE, INITIAL_STATE]
    report = TrialReport(len(examples), picture_parts=picture_parts)
    waiting = {(part, name) for part, name, _ in _parameters(module)}
    # False, not None: None would have nlp apply an optimizer before the gradients can be read.
    no_optimizer: Any = False
    for _ in range(steps):
        losses: Dict[str, float] = {}
        nlp.update(
            list(examples),
            sgd=no_optimizer,
            drop=dropout,
            losses=losses,
            exclude=exclude,
            annotates=annotates,
        )
        report.losses.append(losses[pipe.name])
        for part, name, parameter in _parameters(module):
            if parameter.grad is None:
                continue
            if not torch.isfinite(parameter.grad).all():
                report.not_finite.append(f"{part}.{name}")
            elif parameter.grad.any():
                waiting.discard((part, name))
        if report.failed:
            break
        for name, component in nlp.pipeline:
            if name not in exclude and isinstance(component, TrainableComponent):
                component.finish_update(optimizer)
    if not report.failed:
        for part, name in sorted(waiting):
            report.unreached.setdefault(part, []).append(name)
        docs = list(nlp.pipe(eg.predicted.copy() for eg in examples))
        report.entities = sum(len(doc.ents) for doc in docs)
    report.seconds = round(time.perf_counter() - started, 3)
    return report


def _parts(module: nn.Module) -> Iterator[Tuple[str, str, nn.Module]]:
    """Name, role and module of each part."""
    for role, child in module.named_children():
        if role in ("forms", "docs"):
            yield from ((name, "modality", part) for name, part in child.named_children())
        else:
            yield role, role, child


def _parameters(module: nn.Module) -> Iterator[Tuple[str, str, nn.Parameter]]:
    for part, _, child in _parts(module):
        for name, parameter in child.named_parameters():
            if parameter.requires_grad:
                yield part, name, parameter


def _sizes(state: State) -> Dict[str, int]:
    """Numbers as they are, tables by their length."""
    sizes: Dict[str, int] = {}
    for key, value in state.items():
        if isinstance(value, (list, dict)):
            sizes[key] = len(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            sizes[key] = value
    return sizes


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def _count_thinc(model: Model[Any, Any]) -> int:
    total = 0
    for node in model.walk():
        total += sum(node.get_param(n).size for n in node.param_names if node.has_param(n))
        total += sum(_count(shim._model) for shim in node.shims if isinstance(shim, PyTorchShim))
    return total
