"""A bounded cache of transformed word forms, for prediction."""

from typing import Any, Dict, List, Optional, Tuple

from torch import Tensor


class FormCache:
    """Keeps the form modalities' vectors of the forms seen last, by the form's hash.

    Word and character transforms depend on the form alone, and forms follow Zipf's law: most of the
    tokens of a stream have been seen before. When it is full it is emptied, which keeps look-up and
    memory flat; anything that changes the weights, the device or the word vectors must `clear` it.

    capacity (int): greatest number of forms; 0 switches the cache off.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self.capacity = capacity
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._slots: Dict[int, int] = {}
        self._values: Optional[Tensor] = None
        self._present: Optional[Tensor] = None
        self._key: Any = None

    def look_up(self, forms: List[int], key: Any) -> Tuple[List[int], List[int]]:
        """Give every form a slot.

        forms (List[int]): distinct hashes of forms.
        key (Any): identifies the word vectors; another key empties the cache.
        RETURNS (Tuple[List[int], List[int]]): slot of each form; positions of the forms that must
            be computed and handed to `update`.
        """
        if key != self._key or len(self._slots) + len(forms) > self.capacity:
            self.clear()
            self._key = key
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

    def update(self, slots: Tensor, values: Tensor, present: Tensor) -> Tuple[Tensor, Tensor]:
        """Store the computed forms.

        slots (Tensor): (U,) long.
        values (Tensor): (U, F, p).
        present (Tensor): (U, F) bool.
        RETURNS (Tuple[Tensor, Tensor]): the whole tables (capacity, F, p) and (capacity, F).
        """
        if self._values is None or self._present is None:
            self._values = values.new_zeros(self.capacity, *values.shape[1:])
            self._present = present.new_zeros(self.capacity, *present.shape[1:])
        self._values[slots] = values
        self._present[slots] = present
        return self._values, self._present

    def __deepcopy__(self, memo: Dict[int, Any]) -> "FormCache":
        return FormCache(self.capacity)

    def __reduce__(self) -> Tuple[Any, ...]:
        return FormCache, (self.capacity,)


def vectors_key(vectors: Any) -> Tuple[int, Tuple[int, ...], int]:
    """What tells one table of word vectors from another, or from itself with words added."""
    return id(vectors), tuple(vectors.shape), len(vectors.key2row)
