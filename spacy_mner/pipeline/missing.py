"""Pictures that posts have, but that cannot be had: counted, and warned of all at once."""

import warnings
from typing import Any, List, Optional

from ..errors import Warnings, listed
from ..images.reading import ImageReadError, describe

NAMED = 5  # unreadable pictures that the warning names


class MissingPictures:
    """Counts pictures that could not be read, and ids that the feature store does not hold."""

    def __init__(self) -> None:
        self.n_unreadable = 0
        self.names: List[str] = []
        self.reason = ""
        self.constant: List[str] = []
        self.n_constant = 0
        self.n_unknown = 0
        self.first_id: Optional[str] = None

    def add(self, source: Any, error: ImageReadError) -> None:
        """Count a picture that could not be read.

        source (Any): The picture.
        error (ImageReadError): Why it could not be read.
        """
        self.n_unreadable += 1
        self.reason = self.reason or str(error)
        if len(self.names) < NAMED:
            self.names.append(describe(source))

    def add_constant(self, source: Any) -> None:
        """Count a picture whose vector is constant; it is used all the same.

        source (Any): The picture.
        """
        self.n_constant += 1
        if len(self.constant) < NAMED:
            self.constant.append(describe(source))

    def add_id(self, id_: str) -> None:
        """Count a post with nothing but an id, which the store does not hold.

        id_ (str): The id.
        """
        self.n_unknown += 1
        self.first_id = id_ if self.first_id is None else self.first_id

    def warn(self, store: Any) -> None:
        """Warn, if there is anything to warn of.

        store (Any): The path of the feature store.
        """
        if self.n_constant:
            names = listed(self.constant, self.n_constant)
            warnings.warn(Warnings.MW024.format(n=self.n_constant, names=names), stacklevel=3)
        if self.n_unreadable:
            names = listed(self.names, self.n_unreadable)
            message = Warnings.MW020.format(n=self.n_unreadable, names=names, reason=self.reason)
            warnings.warn(message, stacklevel=3)
        if self.n_unknown:
            message = Warnings.MW023.format(n=self.n_unknown, store=store, id=self.first_id)
            warnings.warn(message, stacklevel=3)
