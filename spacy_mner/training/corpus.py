"""`spacy_mner.Corpus.v1`: spaCy's reader for `.spacy` files, with pictures."""

from pathlib import Path
from typing import Callable, Iterable, Iterator, Optional, Union

from spacy.errors import Errors as SpacyErrors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from ..errors import check_choice
from ..extensions import set_extensions
from ..pictures import CONDITIONS, Condition, copy_picture, share_images, with_pictures
from .augmenters import keep_images


def create_corpus_v1(
    path: Optional[Union[str, Path]],
    gold_preproc: bool = False,
    max_length: int = 0,
    limit: int = 0,
    augmenter: Optional[Callable] = None,
    images: str = "on",
    seed: int = 0,
) -> Callable[[Language], Iterable[Example]]:
    """Read examples from a `.spacy` file or a folder of them, as `spacy.Corpus.v1` does.

    path (Path): file or folder.
    gold_preproc (bool): gold sentences and tokens.
    max_length (int): longer docs are split into sentences, each with the picture of its post.
    limit (int): number of docs to read; 0 = all.
    augmenter (Optional[Callable]): as for spaCy's reader; pictures are kept.
    images (str): "on"; "off", to train on the text alone; or "shuffled", the control that tells
        what pictures say from what it does to have one.
    seed (int): of the shuffling.
    """
    if path is None:
        # spaCy's own message says which setting to fill in.
        raise ValueError(SpacyErrors.E913)
    return MultimodalCorpus(
        path,
        gold_preproc=gold_preproc,
        max_length=max_length,
        limit=limit,
        augmenter=augmenter,
        images=images,
        seed=seed,
    )


class MultimodalCorpus:
    """A `spacy.training.Corpus` whose predicted docs have the pictures of their references.

    Sentences that are cut from a long doc get the picture of the whole post.
    """

    def __init__(
        self,
        path: Union[str, Path],
        *,
        gold_preproc: bool = False,
        max_length: int = 0,
        limit: int = 0,
        augmenter: Optional[Callable] = None,
        images: str = "on",
        seed: int = 0,
    ) -> None:
        check_choice("images", images, CONDITIONS)
        set_extensions()
        self.corpus = _PictureCorpus(
            path, gold_preproc=gold_preproc, max_length=max_length, limit=limit
        )
        self.augmenter = augmenter
        self.images: Condition = images  # type: ignore[assignment]
        self.seed = seed

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Yield the examples."""
        augment = None if self.augmenter is None else keep_images(self.augmenter)
        for example in self._examples(nlp):
            if augment is None:
                yield example
            else:
                yield from augment(nlp, example)

    def _examples(self, nlp: Language) -> Iterator[Example]:
        if self.images == "on":
            for example in self.corpus(nlp):
                yield from share_images([example])
        else:
            # Pictures are exchanged between posts, so all posts must be there.
            yield from with_pictures(self.corpus(nlp), self.images, seed=self.seed)


class _PictureCorpus(Corpus):
    """Sentences that spaCy cuts from a doc have the doc's picture."""

    def make_examples(self, nlp: Language, reference_docs: Iterable[Doc]) -> Iterator[Example]:
        for doc in reference_docs:
            for example in super().make_examples(nlp, [doc]):
                yield _with_image(example, doc)

    def make_examples_gold_preproc(
        self, nlp: Language, reference_docs: Iterable[Doc]
    ) -> Iterator[Example]:
        for doc in reference_docs:
            for example in super().make_examples_gold_preproc(nlp, [doc]):
                yield _with_image(example, doc)


def _with_image(example: Example, doc: Doc) -> Example:
    if example.reference is not doc:
        copy_picture(doc, example.reference)
    return example
