"""The component `mner`: named entities from words, spelling and pictures."""

from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union

import numpy as np
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, set_dropout_rate
from torch import Tensor

from ..errors import Errors
from ..extensions import set_extensions
from ..models.tagger import get_decoder, get_shim, get_tagger, set_labels
from ..models.types import TaggerOutput
from ..pictures import copy_picture, lacks_image, share_images
from ..tags import bio_tags, post_labels
from . import confidence
from .annotations import write_entities
from .default_model import DEFAULT_MODEL
from .encoded import encode_pictures
from .loss import mean_loss
from .prediction import Prediction, predict_docs
from .rescoring import predict_lacking

MIN_TEMPERATURE = 0.01

set_extensions()


@Language.factory(
    "mner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc.spans"],
    default_config={
        "model": DEFAULT_MODEL,
        "spans_key": "mner",
        "scores": True,
        "threshold": 0.0,
        "store_weights": False,
        "use_reference_images": True,
        "scorer": {"@scorers": "spacy_mner.mner_scorer.v1"},
    },
    default_score_weights={
        "ents_f": 1.0,
        "ents_p": 0.0,
        "ents_r": 0.0,
        "ents_per_type": None,
    },
)
def make_mner(
    nlp: Language,
    name: str,
    model: Model[List[Doc], TaggerOutput],
    spans_key: str,
    scores: bool,
    threshold: float,
    store_weights: bool,
    use_reference_images: bool,
    scorer: Optional[Callable],
) -> "MultimodalEntityRecognizer":
    """Finds named entities in words, spelling and pictures.

    The default model, and its settings: `spacy_mner/pipeline/default_model.py`; the recommended one:
    `configs/mner.cfg`.

    model (Model[List[Doc], TaggerOutput]): a `spacy_mner.MultimodalTagger.v1`.
    spans_key (str): `doc.spans[spans_key]` holds the predicted entities with their scores.
    scores (bool): write each entity's probability.
    threshold (float): entities whose probability is below are left out, their tokens are O.
    store_weights (bool): put the modality weights on `Doc._.modality_weights`.
    use_reference_images (bool): in training and evaluation, a predicted doc without a picture gets
        its reference's.
    scorer (Optional[Callable]): the scoring method.
    """
    return MultimodalEntityRecognizer(
        nlp.vocab,
        model,
        name,
        spans_key=spans_key,
        scores=scores,
        threshold=threshold,
        store_weights=store_weights,
        use_reference_images=use_reference_images,
        scorer=scorer,
    )


class MultimodalEntityRecognizer(TrainablePipe):
    """Named entity recognition from words, characters and pictures (Moon et al. 2018).

    Keeps the contract of spaCy's `ner`: preset entities stay, blocked tokens stay outside, missing
    annotation is no annotation.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[List[Doc], TaggerOutput],
        name: str = "mner",
        *,
        spans_key: str = "mner",
        scores: bool = True,
        threshold: float = 0.0,
        store_weights: bool = False,
        use_reference_images: bool = True,
        scorer: Optional[Callable] = None,
    ) -> None:
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(
                Errors.M011.format(setting="threshold", value=threshold, range="in [0, 1]")
            )
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.spans_key = spans_key
        self.scores = scores
        self.threshold = threshold
        self.store_weights = store_weights
        self.use_reference_images = use_reference_images
        # What is saved with the model. Settings are not: the config has them, and may change them.
        self.cfg: Dict[str, Any] = {"labels": []}

    @property
    def labels(self) -> Tuple[str, ...]:
        """The entity labels, sorted."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> List[str]:
        """What `spacy init labels` writes and `[initialize]` reads."""
        return list(self.labels)

    @property
    def tags(self) -> Tuple[str, ...]:
        """The BIO tags in the order of the columns of `marginals`."""
        return tuple(bio_tags(self.labels))

    @property
    def temperature(self) -> float:
        """What the scores of the CRF are divided by to make probabilities: 1.0, or what
        `spacy mner calibrate` found. Saved with the model; it changes no best path."""
        return self.cfg.get("temperature", 1.0)

    @temperature.setter
    def temperature(self, value: float) -> None:
        # Below, scores would come near to what illegal sequences are fined.
        if not MIN_TEMPERATURE <= value < float("inf"):
            range_ = f"{MIN_TEMPERATURE} or more"
            raise ValueError(Errors.M011.format(setting="temperature", value=value, range=range_))
        self.cfg["temperature"] = float(value)

    def add_label(self, label: str) -> int:
        """Add a label, before or after initialization.

        RETURNS (int): 1, or 0 if the label is there already.
        RAISES (ValueError): M007 for anything but a non-empty string.
        """
        if not isinstance(label, str) or not label:
            raise ValueError(Errors.M007.format(label=label))
        if label in self.labels:
            return 0
        self._set_labels([*self.labels, label])
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[List[str]] = None,
    ) -> None:
        """Learn labels, alphabets and widths from the examples, and build the model.

        get_examples (Callable): the whole training data.
        nlp (Optional[Language]): the pipeline: what encodes pictures in training does so here, too.
        labels (Optional[List[str]]): labels from `init labels`; None = those of the examples.
        RAISES (ValueError): M002 if there are no labels.
        """
        validate_get_examples(get_examples, "MultimodalEntityRecognizer.initialize")
        examples = list(get_examples())
        if self.use_reference_images:
            examples = share_images(examples)
        if nlp is not None:
            examples = encode_pictures(nlp, self.name, examples)
        found = labels if labels is not None else {e.label_ for eg in examples for e in eg.y.ents}
        self.cfg["labels"] = sorted({*self.labels, *found})
        if not self.labels:
            raise ValueError(Errors.M002.format(name=self.name))
        set_labels(self.model, self.labels)
        # It belonged to other weights.
        self.cfg.pop("temperature", None)
        # Empty posts teach nothing, but a model is built even if there are no others.
        examples = [eg for eg in examples if len(eg.predicted)] or examples
        held: Any = post_labels(examples, self.labels)
        self.model.initialize(X=[eg.predicted for eg in examples], Y=held)

    def predict(self, docs: Iterable[Doc]) -> List[Prediction]:
        """Predict the entities of a batch of docs, without changing them.

        docs (Iterable[Doc]): docs of any length; empty ones are fine.
        RETURNS (List[Prediction]): one a doc.
        RAISES (ValueError): M001 if the model is not initialized.
        """
        self._check_model()
        return predict_docs(
            self.model,
            list(docs),
            scores=self.scores,
            weights=self.store_weights,
            temperature=self.temperature,
            threshold=self.threshold,
        )

    def marginals(self, docs: Iterable[Doc]) -> List[np.ndarray]:
        """Each token's distribution over `tags`, (n_tokens, L) a doc: see `confidence.marginals`."""
        self._check_model()
        return confidence.marginals(self.model, list(docs), temperature=self.temperature)

    def n_best(self, docs: Iterable[Doc], k: int) -> List[List[confidence.TagSequence]]:
        """The k most probable tag sequences of each doc: see `confidence.n_best`."""
        self._check_model()
        return confidence.n_best(
            self.model, list(docs), k, self.labels, temperature=self.temperature
        )

    def log_probability(
        self, docs: Iterable[Doc], tags: Optional[Sequence[Sequence[str]]] = None
    ) -> np.ndarray:
        """Of the predicted tags of each doc, or of those given: see `confidence.log_probability`."""
        self._check_model()
        return confidence.log_probability(
            self.model, list(docs), tags, self.labels, temperature=self.temperature
        )

    def set_annotations(self, docs: Iterable[Doc], scores: Sequence[Prediction]) -> None:
        """Write entities, their scores, and on request the modality weights to the docs."""
        names = get_tagger(self.model).modality_names if self.store_weights else []
        for doc, prediction in zip(docs, scores, strict=True):
            ents = [
                Span(doc, ent.start, ent.end, label=self.labels[ent.label])
                for ent in prediction.entities
            ]
            write_entities(doc, ents, prediction.scores, key=self.spans_key, component=self.name)
            if prediction.weights is not None:
                doc._.modality_weights = prediction.weights
                doc._.modality_names = names

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from a batch of examples.

        examples (Iterable[Example]): tokens without annotation are marginalised. Predicted docs without a
            picture get their reference's.
        drop (float): dropout rate, for the modules that have none of their own.
        sgd (Optional[Optimizer]): the optimizer; None, or False, accumulates gradients.
        losses (Optional[Dict[str, float]]): updated with the mean negative log-likelihood a post.
        RETURNS (Dict[str, float]): the losses.
        RAISES (ValueError): M001 if the model is not initialized.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "MultimodalEntityRecognizer.update")
        # Empty docs stay in the batch: a tok2vec listener hands out vectors for every one of them.
        if not any(len(eg.predicted) for eg in examples):
            return losses
        self._check_model()
        if self.use_reference_images:
            # In place: where this component annotates in training, its predictions see the pictures, too.
            for eg in filter(lacks_image, examples):
                copy_picture(eg.reference, eg.predicted)
        self._add_new_labels(examples)
        set_dropout_rate(self.model, drop)
        output, backprop = self.model.begin_update([eg.predicted for eg in examples])
        loss = mean_loss(get_decoder(self.model), output, examples, self.labels)
        # Thinc types the callback for the output's gradient; this model's takes the loss.
        backprop(loss)  # type: ignore[arg-type]
        if sgd:
            self.finish_update(sgd)
        losses[self.name] += float(loss.detach())
        return losses

    def get_loss(self, examples: Iterable[Example], scores: TaggerOutput) -> Tuple[float, Tensor]:
        """Mean negative log-likelihood a post of the gold tags (Eq. 3).

        RETURNS (Tuple[float, Tensor]): the loss, and the same as the scalar tensor that the model's
            backprop callback takes. (Other components return the gradient there.)
        """
        validate_examples(examples, "MultimodalEntityRecognizer.get_loss")
        self._check_model()
        loss = mean_loss(get_decoder(self.model), scores, list(examples), self.labels)
        return float(loss.detach()), loss

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Score the predictions.

        Docs that were predicted without the picture that their reference has are predicted again,
        with it, on copies: this is how plain `spacy evaluate` sees the pictures.
        """
        examples = list(examples)
        if self.use_reference_images and self.scorer is not None:
            examples = predict_lacking(self, examples)
        return super().score(examples, **kwargs)

    def from_bytes(
        self, bytes_data: bytes, *, exclude: Iterable[str] = ()
    ) -> "MultimodalEntityRecognizer":
        """Load labels, temperature and model. Settings stay those of the config.

        bytes_data (bytes): from `to_bytes`.
        exclude (Iterable[str]): fields to leave out: "cfg", "vocab", "model".
        RETURNS (MultimodalEntityRecognizer): this component.
        """
        exclude = tuple(exclude)
        self._forget_temperature(exclude)
        super().from_bytes(bytes_data, exclude=exclude)
        self._take_labels()
        return self

    def from_disk(
        self, path: Union[str, Path], *, exclude: Iterable[str] = ()
    ) -> "MultimodalEntityRecognizer":
        """Load labels, temperature and model from a folder. Settings stay those of the config.

        path (Union[str, Path]): the folder.
        exclude (Iterable[str]): fields to leave out: "cfg", "vocab", "model".
        RETURNS (MultimodalEntityRecognizer): this component.
        """
        exclude = tuple(exclude)
        self._forget_temperature(exclude)
        super().from_disk(path, exclude=exclude)
        self._take_labels()
        return self

    def _forget_temperature(self, exclude: Sequence[str]) -> None:
        """A model that is not calibrated says nothing of it, and must not get that of the weights before."""
        if "cfg" not in exclude:
            self.cfg.pop("temperature", None)

    def _take_labels(self) -> None:
        """What the model's tags stand for is the model's to say, also where "cfg" or "model" was left out."""
        shim = get_shim(self.model)
        if shim.is_built:
            self.cfg["labels"] = list(shim.blueprint.labels)

    def _check_model(self) -> None:
        """The model has no name to put into the error, the component has one."""
        if not get_shim(self.model).is_built:
            raise ValueError(Errors.M001.format(name=self.name))

    def _add_new_labels(self, examples: Sequence[Example]) -> None:
        new = {e.label_ for eg in examples for e in eg.y.ents} - set(self.labels)
        if new:
            self._set_labels([*self.labels, *new])

    def _set_labels(self, labels: Iterable[str]) -> None:
        self.cfg["labels"] = sorted(labels)
        if get_shim(self.model).is_built:
            self.model.attrs["resize_output"](self.model, self.labels)
