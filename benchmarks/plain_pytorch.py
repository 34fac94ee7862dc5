"""A plain PyTorch BiLSTM-CRF, as people write it: every token's characters through a character LSTM,
padded batches in the order in which the posts come, and pytorch-crf for the loss and for decoding.

It has the widths of the recommended profile and sees no pictures.
"""

import random
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torchcrf import CRF

Post = Sequence[str]


class PlainTagger(nn.Module):
    """Word vectors and character LSTM -> BiLSTM -> CRF.

    vectors (np.ndarray): (V, D) word vectors; row 0 is for unknown words.
    n_tags (int): tags.
    n_chars (int): characters.
    """

    def __init__(self, vectors: np.ndarray, n_tags: int, n_chars: int) -> None:
        super().__init__()
        self.words = nn.Embedding.from_pretrained(torch.from_numpy(vectors), freeze=True)
        self.chars = nn.Embedding(n_chars, 30, padding_idx=0)
        self.char_lstm = nn.LSTM(30, 50, batch_first=True, bidirectional=True)
        self.lstm = nn.LSTM(vectors.shape[1] + 100, 200, batch_first=True, bidirectional=True)
        self.out = nn.Linear(400, n_tags)
        self.dropout = nn.Dropout(0.35)
        self.crf = CRF(n_tags, batch_first=True)

    def emissions(self, words: Tensor, chars: Tensor, char_lengths: Tensor) -> Tensor:
        """words (B, T), chars (B, T, C), char_lengths (B, T) -> (B, T, n_tags)."""
        n_posts, n_tokens, n_chars = chars.shape
        states, _ = self.char_lstm(self.chars(chars.view(-1, n_chars)))
        forwards, backwards = states.chunk(2, dim=-1)
        last = (char_lengths.view(-1).clamp(min=1) - 1).view(-1, 1, 1).expand(-1, 1, 50)
        spelling = torch.cat([forwards.gather(1, last)[:, 0], backwards[:, 0]], dim=-1)
        x = torch.cat([self.words(words), spelling.view(n_posts, n_tokens, -1)], dim=-1)
        hidden, _ = self.lstm(self.dropout(x))
        return self.out(self.dropout(hidden))


class PlainContestant:
    """Reads strings, trains, labels.

    table (dict[str, int]): word -> row of the vectors.
    vectors (np.ndarray): (V, D), row 0 for unknown words.
    posts (list[Post]), tags (list[list[str]]): the training data.
    """

    def __init__(
        self,
        table: dict[str, int],
        vectors: np.ndarray,
        posts: list[Post],
        tags: list[list[str]],
    ) -> None:
        self.table = table
        self.char_ids = {
            c: i for i, c in enumerate(sorted({c for p in posts for w in p for c in w}), 1)
        }
        self.tag_ids = {tag: i for i, tag in enumerate(sorted({t for row in tags for t in row}))}
        self.tag_names = list(self.tag_ids)
        self.model = PlainTagger(vectors, len(self.tag_ids), len(self.char_ids) + 1)
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(trained, lr=0.003)
        self.posts, self.tags = posts, tags

    def train_epoch(self, batch_size: int, seed: int) -> None:
        """One pass over the training posts."""
        self.model.train()
        order = list(range(len(self.posts)))
        random.Random(seed).shuffle(order)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            words, chars, lengths, mask = self._pad([self.posts[i] for i in rows])
            tags = torch.zeros_like(words)
            for r, i in enumerate(rows):
                tags[r, : len(self.tags[i])] = torch.tensor([self.tag_ids[t] for t in self.tags[i]])
            loss = -self.model.crf(
                self.model.emissions(words, chars, lengths), tags, mask, reduction="mean"
            )
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def labeller(self, posts: list[Post], batch_size: int) -> Callable[[], int]:
        """A function that labels all posts. RETURNS: number of entities."""

        def label() -> int:
            self.model.eval()
            found = 0
            with torch.no_grad():
                for start in range(0, len(posts), batch_size):
                    words, chars, lengths, mask = self._pad(posts[start : start + batch_size])
                    paths = self.model.crf.decode(self.model.emissions(words, chars, lengths), mask)
                    found += sum(self.tag_names[t][0] == "B" for path in paths for t in path)
            return found

        return label

    def _pad(self, posts: list[Post]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        n_tokens = max(map(len, posts))
        n_chars = min(20, max(len(word) for post in posts for word in post))
        words = np.zeros((len(posts), n_tokens), dtype=np.int64)
        chars = np.zeros((len(posts), n_tokens, n_chars), dtype=np.int64)
        lengths = np.zeros((len(posts), n_tokens), dtype=np.int64)
        for i, post in enumerate(posts):
            for j, word in enumerate(post):
                words[i, j] = self.table.get(word) or self.table.get(word.lower(), 0)
                ids = [self.char_ids.get(c, 0) for c in word[:n_chars]]
                chars[i, j, : len(ids)] = ids
                lengths[i, j] = len(ids)
        mask = np.arange(n_tokens) < np.array([len(post) for post in posts])[:, None]
        return tuple(map(torch.from_numpy, (words, chars, lengths, mask)))  # type: ignore[return-value]
