"""A tiny encoder in a folder, made here, and pipelines that are fed by it. Nothing is downloaded."""

from pathlib import Path
from typing import Any, Callable, Dict, Optional

import pytest
from spacy.language import Language
from thinc.api import fix_random_seed

from ..pipeline.builders import MODEL, WORDS, blank, make_examples, model_config

WIDTH = 16
# A window of 24 sub-tokens: two of them are [CLS] and [SEP].
MAX_LENGTH = 24

LISTENER: Dict[str, Any] = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "upstream": "transformer",
    "pooling": {"@layers": "reduce_mean.v1"},
}


def save_encoder(folder: Path, *, layers: int = 2) -> Path:
    """Write a BERT with random weights and a WordPiece tokenizer, as `from_pretrained` reads them."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,#@!?"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    pieces += [f"##{letter}" for letter in letters]
    pieces += [word for word in WORDS if word not in pieces]
    folder.mkdir(parents=True, exist_ok=True)
    vocab = folder / "vocab.txt"
    vocab.write_text("\n".join(pieces), encoding="utf8")
    tokenizer = BertTokenizerFast(str(vocab), do_lower_case=True, model_max_length=MAX_LENGTH)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=WIDTH,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=MAX_LENGTH,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def transformer_config(folder: Path, *, window: int = 12, stride: int = 8) -> Dict[str, Any]:
    """The component `transformer`: strided spans of so many tokens."""
    return {
        "model": {
            "@architectures": "spacy-transformers.TransformerModel.v3",
            "name": str(folder),
            "get_spans": {
                "@span_getters": "spacy-transformers.strided_spans.v1",
                "window": window,
                "stride": stride,
            },
        }
    }


def make_transformer_nlp(
    folder: Path, *, initialize: bool = True, model: Optional[Dict[str, Any]] = None, **config: Any
) -> Language:
    """`transformer` and an `mner` that listens to it.

    model (Dict[str, Any]): changes of the small tagger.
    """
    fix_random_seed(0)
    nlp = blank()
    nlp.add_pipe("transformer", config=transformer_config(folder))
    tagger = model_config(**{"tok2vec": LISTENER, **(model or {})})
    nlp.add_pipe("mner", config={"model": tagger, **config})
    if initialize:
        egs = make_examples(nlp)
        nlp.initialize(lambda: egs)
    return nlp


def own_layer(folder: Path, *, window: int = 12, stride: int = 8) -> Dict[str, Any]:
    """The encoder as a layer of the tagger: no component `transformer`, nothing shared."""
    return {
        **transformer_config(folder, window=window, stride=stride)["model"],
        "@architectures": "spacy-transformers.Tok2VecTransformer.v3",
        "tokenizer_config": {"use_fast": True},
        "pooling": {"@layers": "reduce_mean.v1"},
        "grad_factor": 1.0,
    }


@pytest.fixture(autouse=True, scope="module")
def own_layer_for_all(encoder_dir):
    """For modules that import it: every small tagger gets a context from a layer of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODEL, "tok2vec", own_layer(encoder_dir))
        yield


# Of the component's contract, tests that make pipelines of the default config, or with a tok2vec of their
# own: neither a transformer as the tagger's own layer nor one that it listens to is in them.
WITHOUT_IT = """
    test_the_default_config_learns test_initialize_on_empty_docs_alone
    test_a_modality_of_the_default_config_can_be_left_out
    test_a_doc_of_which_too_little_is_left_for_the_score
"""


def once(test: Callable[..., None], *arguments: Any) -> Callable[[], None]:
    """A test of many cases as one: what its other cases differ in has nothing to do with a transformer."""

    def test_once() -> None:
        test(*arguments)

    return test_once
