"""A bounded cache of what depends on the word form alone."""

from typing import Any, Dict, List, Tuple

from spacy.vectors import Vectors
from torch import Tensor


class FormCache:
    """Keeps rows of tensors for the forms seen last, by the form's hash.

    Forms follow Zipf's law: most of the tokens of a stream have been seen before. In training the
    blueprint keeps their features in one, in prediction the network their transformed vectors.
    When it is full it is emptied, which keeps look-up and memory flat. Another table of word vectors
    empties it too; whatever else changes what is in it (weights, device) must `clear` it. A vector
    that is overwritten in its place is not noticed.

    capacity (int): greatest number of forms; 0 switches the cache off.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self.capacity = capacity
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._slots: Dict[int, int] = {}
        self._tables: Dict[str, Tensor] = {}
        self._vectors: Any = None
        self._content: Tuple[Any, int] = (None, 0)

    def look_up(self, forms: List[int], vectors: Vectors) -> Tuple[List[int], List[int]]:
        """Give every form a slot.

        forms (List[int]): distinct hashes of forms.
        vectors (Vectors): the table of word vectors that they are looked up in.
        RETURNS (Tuple[List[int], List[int]]): slot of each form; positions of the forms that must
            be computed and handed to `update`.
        """
        if not self._knows(vectors):
            self.clear()
            self._vectors, self._content = vectors, (vectors.data, len(vectors.key2row))
        elif len(self._slots) + len(forms) > self.capacity:
            # The tables stay: no memory is asked for again, and a row is written before it is read.
            self._slots = {}
        slots, new = [], []
        for i, form in enumerate(forms):
            slot = self._slots.get(form)
            if slot is None:
                slot = self._slots[form] = len(self._slots)
                new.append(i)
            slots.append(slot)
        return slots, new

    def fits(self, n_forms: int) -> bool:
        """Whether a batch with so many forms can be served."""
        return n_forms <= self.capacity

    def update(self, slots: Tensor, rows: Dict[str, Tensor]) -> Dict[str, Tensor]:
        """Store what was computed for the new forms.

        slots (Tensor): (U,) long.
        rows (Dict[str, Tensor]): (U, ...) each, of the same names and shapes at every call.
        RETURNS (Dict[str, Tensor]): the whole tables (capacity, ...).
        """
        for name, value in rows.items():
            if name not in self._tables:
                self._tables[name] = value.new_zeros(self.capacity, *value.shape[1:])
            self._tables[name][slots] = value
        return self._tables

    def _knows(self, vectors: Any) -> bool:
        """Whether it is the same table, and no word was added to it."""
        data, n_keys = self._content
        return vectors is self._vectors and vectors.data is data and len(vectors.key2row) == n_keys

    def __deepcopy__(self, memo: Dict[int, Any]) -> "FormCache":
        return FormCache(self.capacity)

    def __reduce__(self) -> Tuple[Any, ...]:
        return FormCache, (self.capacity,)
