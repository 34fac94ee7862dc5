"""srsly's codecs for msgpack, remembered.

For every message that srsly packs or unpacks, it asks its registries of codecs for all that is in them,
and a registry answers by looking through the entry points of every installed package and through
everything that any library has registered. That takes a millisecond, and a `Doc` with user data is three
messages: without this module, reading `.spacy` files with pictures, `nlp.pipe(n_process=2)` and
`DocBin` would spend far more time there than on the posts.
"""

from typing import Any, Callable, Dict, Optional

from catalogue import Registry
from srsly import msgpack_decoders, msgpack_encoders


class RememberingRegistry(Registry):
    """A registry that looks for its functions once, and again when one is registered.

    What it answers is the same: entry points are those that catalogue found when it was imported.
    """

    _functions: Optional[Dict[str, Any]] = None

    def register(self, name: str, *, func: Optional[Any] = None) -> Callable[[Any], Any]:
        """Register a function, as `catalogue.Registry.register` does."""

        def register_anew(function: Any) -> Any:
            self._functions = None
            return register(function)

        register = super().register(name)
        return register_anew if func is None else register_anew(func)

    def get_all(self) -> Dict[str, Any]:
        """All functions, by name."""
        if self._functions is None:
            self._functions = super().get_all()
        return dict(self._functions)


def remember_codecs() -> None:
    """Have srsly's registries of msgpack codecs remember what is in them.

    The registries stay the objects that they are, wherever they are imported; only those of plain
    catalogue are touched.
    """
    for registry in (msgpack_encoders, msgpack_decoders):
        if type(registry) is Registry:
            registry.__class__ = RememberingRegistry
