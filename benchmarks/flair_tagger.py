"""flair's sequence tagger: BiLSTM-CRF on the same word vectors and a character LSTM.

Needs `pip install flair`.
"""

from collections.abc import Callable, Sequence

import flair
import numpy as np
import torch
from flair.data import Corpus, Dictionary, Sentence
from flair.datasets import FlairDatapointDataset
from flair.embeddings import CharacterEmbeddings, StackedEmbeddings, TokenEmbeddings
from flair.models import SequenceTagger

Post = Sequence[str]


class TableEmbeddings(TokenEmbeddings):
    """A frozen table of word vectors, as flair's WordEmbeddings have it, without its download.

    table (dict[str, int]): word -> row.
    vectors (np.ndarray): (V, D); row 0 for unknown words.
    """

    def __init__(self, table: dict[str, int], vectors: np.ndarray) -> None:
        super().__init__()
        self.name = "table"
        self.static_embeddings = True
        self.table = table
        self.embedding = torch.nn.Embedding.from_pretrained(torch.from_numpy(vectors), freeze=True)
        self.width = vectors.shape[1]

    @property
    def embedding_length(self) -> int:
        return self.width

    def _add_embeddings_internal(self, sentences: list[Sentence]) -> None:
        tokens = [token for sentence in sentences for token in sentence]
        rows = [self.table.get(t.text) or self.table.get(t.text.lower(), 0) for t in tokens]
        vectors = self.embedding(torch.tensor(rows, device=flair.device))
        for token, vector in zip(tokens, vectors, strict=True):
            token.set_embedding(self.name, vector)


class FlairContestant:
    """Trains on a few posts, and labels."""

    def __init__(
        self,
        table: dict[str, int],
        vectors: np.ndarray,
        posts: list[Post],
        tags: list[list[str]],
    ) -> None:
        flair.device = torch.device("cpu")
        # flair would download its own dictionary.
        chars = Dictionary()
        for char in sorted({c for post in posts for word in post for c in word}):
            chars.add_item(char)
        self.sentences = [make_sentence(*pair) for pair in zip(posts, tags, strict=True)]
        data = FlairDatapointDataset(self.sentences)
        corpus = Corpus(train=data, dev=data, test=data, sample_missing_splits=False)
        self.tagger = SequenceTagger(
            embeddings=StackedEmbeddings(
                [TableEmbeddings(table, vectors), CharacterEmbeddings(chars, hidden_size_char=50)]
            ),
            tag_dictionary=corpus.make_label_dictionary("ner", add_unk=False),
            tag_type="ner",
            tag_format="BIO",
            hidden_size=200,
            rnn_layers=1,
            use_crf=True,
        )

    def train_epoch(self, batch_size: int) -> None:
        """One pass over the training posts."""
        optimizer = torch.optim.Adam(self.tagger.parameters(), lr=0.003)
        self.tagger.train()
        for start in range(0, len(self.sentences), batch_size):
            batch = self.sentences[start : start + batch_size]
            loss, _ = self.tagger.forward_loss(batch)
            optimizer.zero_grad()
            (loss / len(batch)).backward()
            optimizer.step()
            for sentence in batch:
                sentence.clear_embeddings()

    def labeller(self, posts: list[Post], batch_size: int) -> Callable[[], int]:
        """A function that labels all posts. RETURNS: number of entities."""

        def label() -> int:
            sentences = [Sentence(list(post)) for post in posts]
            self.tagger.predict(sentences, mini_batch_size=batch_size)
            return sum(len(sentence.get_spans("ner")) for sentence in sentences)

        return label


def make_sentence(post: Post, tags: list[str]) -> Sentence:
    """A sentence with its entities."""
    sentence = Sentence(list(post))
    start = None
    for i, tag in enumerate([*tags, "O"]):
        if start is not None and tag[:1] != "I":
            sentence[start:i].add_label("ner", tags[start][2:])
            start = None
        if tag[:1] == "B":
            start = i
    return sentence
