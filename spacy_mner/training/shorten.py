"""What no encoder learnt from anything but noise is shortened before it is cut into sub-tokens."""

from typing import Any, Callable, Iterator, Optional

from spacy.language import Language
from thinc.api import Model

from ..errors import Errors

# `\S+` as in most tokenizers for tweets: an address ends at white space.
URL = r"https?://\S+"
# Neither in the middle of a word (an e-mail address) nor "@" on its own.
MENTION = r"(?<![\w@])@\w+"


def create_shorten_for_transformer_v1(
    url: Optional[str] = "http", mention: Optional[str] = "@user"
) -> Callable[[Language], Language]:
    """Let the transformer read one short word for each address and one for each user's name.

    ```ini
    [initialize.after_init]
    @callbacks = "spacy_mner.shorten_for_transformer.v1"
    ```

    An encoder's tokenizer cuts `http://t.co/Z3neVBQ7vF` into a dozen pieces that mean nothing: on posts
    with addresses they can be half of all that it computes, and half of all that its attention looks at.
    The Doc stays as it is, and so do the other modalities. Only the normalization of the tokenizer changes,
    for every transformer of the pipeline that has a fast one of Hugging Face. It is saved with the
    tokenizer, so a loaded pipeline does the same.

    url (str): what is read for an address (`https?://\\S+`). `null`: all of it, as it stands.
    mention (str): what is read for `@name`. `null`: the name as it stands.
    RAISES (ValueError): M170 if no component of the pipeline has such a tokenizer.
    """

    def shorten(nlp: Language) -> Language:
        from tokenizers import Regex, normalizers

        tokenizers = [found for _, pipe in nlp.pipeline for found in _fast_tokenizers(pipe)]
        if not tokenizers:
            raise ValueError(Errors.M170.format(pipeline=", ".join(nlp.pipe_names)))
        steps = [
            normalizers.Replace(Regex(pattern), short)
            for pattern, short in ((URL, url), (MENTION, mention))
            if short is not None
        ]
        for tokenizer in tokenizers:
            # None where a tokenizer takes texts as they are.
            own = [tokenizer.normalizer] if tokenizer.normalizer is not None else []
            tokenizer.normalizer = normalizers.Sequence([*steps, *own])
        return nlp

    return shorten


def _fast_tokenizers(pipe: Any) -> Iterator[Any]:
    """The `tokenizers.Tokenizer` of each transformer in a component, be it the whole or one layer of it."""
    model = getattr(pipe, "model", None)
    for node in model.walk() if isinstance(model, Model) else ():
        backend = getattr(getattr(node, "tokenizer", None), "backend_tokenizer", None)
        if backend is not None:
            yield backend
