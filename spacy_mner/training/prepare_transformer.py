"""What is done to a pretrained transformer before it is fine-tuned."""

from typing import Any, Callable, Iterator, List, Optional

from spacy.language import Language
from thinc.api import Model

from ..errors import Errors
from .shorten import shorten

# In the config of an encoder, with which it is saved: how many of its last layers it has lost already.
_DROPPED = "mner_dropped_layers"


def create_prepare_transformer_v1(
    url: Optional[str] = "http",
    mention: Optional[str] = "@user",
    split_words: bool = True,
    drop_last_layers: int = 0,
    freeze_embeddings: bool = True,
    cpu_bfloat16: bool = False,
) -> Callable[[Language], Language]:
    """Prepare every transformer of the pipeline for posts, and for little data.

    ```ini
    [initialize.after_init]
    @callbacks = "spacy_mner.prepare_transformer.v1"
    ```

    An encoder's tokenizer cuts `http://t.co/Z3neVBQ7vF` into a dozen pieces that mean nothing: on posts
    with addresses they can be half of all that it computes, and half of all that its attention looks at.
    And `JustinBieber`, once the capitals are lowered, falls into pieces that are no words. The
    Doc stays as it is, and so do the other modalities. Only the normalization of the tokenizer changes, if
    it is a fast one of Hugging Face. It is saved with the tokenizer, so a loaded pipeline does the same. (A
    sourced transformer shares its tokenizer with the pipeline that it is from.) What is frozen is not saved:
    `spacy train` calls this for each training.

    url (Optional[str]): what is read for an address (`https?://\\S+`). `null`: all of it, as it stands.
    mention (Optional[str]): what is read for `@name`. `null`: the name as it stands.
    split_words (bool): read `JustinBieber` as `Justin Bieber`; hashtags, `McAnn` and `iPad` as they stand.
    drop_last_layers (int): do without so many of the encoder's last layers. An encoder of sentences is
        trained to put one meaning into all of its last vectors; what it knows of the single words is in
        the layers below. Fewer layers are faster, too. The change is saved with the encoder, so that one
        that is sourced from a trained pipeline loses no layer twice. For encoders of `transformers` alone.
    freeze_embeddings (bool): do not train the vectors of the sub-tokens. In a small encoder they are half of
        the weights, most of them of pieces that the training posts do not hold. For encoders of
        `transformers` alone.
    cpu_bfloat16 (bool): in this training, compute the encoder's matrix products in bfloat16 while it is on
        the CPU. Faster on processors with instructions for it (AMX), slower on others. (On a GPU:
        `mixed_precision` of the transformer's own model.)
    RAISES (ValueError): M170 if no component of the pipeline has such a tokenizer, M171 if none has such
        embeddings, M172 without any encoder in torch, M173 where layers cannot be left out.
    """

    def prepare(nlp: Language) -> Language:
        nodes = [node for _, pipe in nlp.pipeline for node in _walk(pipe)]
        names = ", ".join(nlp.pipe_names)
        if url is not None or mention is not None or split_words:
            tokenizers = list(filter(None, map(_fast_tokenizer, nodes)))
            if not tokenizers:
                raise ValueError(Errors.M170.format(pipeline=names))
            for tokenizer in tokenizers:
                shorten(tokenizer, url, mention, split_words)
        encoders = _encoders(nodes)
        if drop_last_layers:
            _drop_last_layers(encoders, drop_last_layers)
        if freeze_embeddings:
            trained = [encoder for encoder in encoders if hasattr(encoder, "get_input_embeddings")]
            if not trained:
                raise ValueError(Errors.M171.format(pipeline=names))
            for encoder in trained:
                encoder.get_input_embeddings().requires_grad_(False)
        if cpu_bfloat16:
            # Here, because everything that is registered is imported by every pipeline.
            from .autocast import autocast_on_cpu

            if not encoders:
                raise ValueError(Errors.M172.format(pipeline=names))
            for encoder in encoders:
                autocast_on_cpu(encoder)
        return nlp

    return prepare


def _drop_last_layers(encoders: List[Any], count: int) -> None:
    """Shorten each encoder's list of layers, and say so in its config, with which it is saved."""
    stacks = [(encoder, layers) for encoder in encoders if (layers := _layers(encoder)) is not None]
    fewest = min((len(layers) + _dropped(encoder) for encoder, layers in stacks), default=0)
    if not 0 < count < fewest:
        problem = f"the encoder has {fewest}" if stacks else "no encoder has a list of layers"
        raise ValueError(Errors.M173.format(count=count, problem=problem))
    for encoder, layers in stacks:
        del layers[len(layers) + _dropped(encoder) - count :]
        encoder.config.num_hidden_layers = len(layers)
        setattr(encoder.config, _DROPPED, max(count, _dropped(encoder)))


def _dropped(encoder: Any) -> int:
    return int(getattr(encoder.config, _DROPPED, 0))


def _layers(encoder: Any) -> Any:
    """The `nn.ModuleList` of an encoder's layers, whatever it is called; None where there is none."""
    from torch import nn

    total = getattr(getattr(encoder, "config", None), "num_hidden_layers", None)
    lists = (module for module in encoder.modules() if isinstance(module, nn.ModuleList))
    return next((layers for layers in lists if len(layers) == total), None)


def _walk(pipe: Any) -> Iterator[Model]:
    model = getattr(pipe, "model", None)
    if isinstance(model, Model):
        yield from model.walk()


def _fast_tokenizer(node: Model) -> Any:
    """The `tokenizers.Tokenizer` of a transformer's node; None where there is none."""
    return getattr(getattr(node, "tokenizer", None), "backend_tokenizer", None)


def _encoders(nodes: List[Model]) -> List[Any]:
    """The torch modules of the transformers: all but that of `mner`."""
    from torch import nn

    from ..models.shim import TaggerShim

    modules = [
        getattr(shim, "_model", None)
        for node in nodes
        for shim in node.shims
        if not isinstance(shim, TaggerShim)
    ]
    return [module for module in modules if isinstance(module, nn.Module)]
