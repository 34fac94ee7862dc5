"""The registry `@image_encoders`, filled also by entry points in `spacy_image_encoders`."""

from importlib.metadata import entry_points
from typing import Any, Callable, List, cast

import catalogue
from spacy.util import registry

from ..errors import Errors

NAME = "image_encoders"

# spaCy's registry is shared by the whole process: another package may have made this one already.
if not hasattr(registry, NAME):
    setattr(registry, NAME, catalogue.create("spacy", NAME, entry_points=True))

image_encoders: catalogue.Registry = getattr(registry, NAME)


def get_image_encoder(name: str) -> Callable[..., Any]:
    """Look up the function that creates an image encoder.

    name (str): Registered name, e.g. "efficientnet_lite0".
    RETURNS (Callable[..., ImageEncoder]): The function.
    RAISES (ValueError): If nothing is registered under this name.
    """
    if name not in image_encoders:
        raise ValueError(Errors.M033.format(name=name, available=", ".join(available())))
    return cast(Callable[..., Any], image_encoders.get(name))


def available() -> List[str]:
    """List the names of all image encoders, without importing them.

    RETURNS (List[str]): The sorted names.
    """
    # catalogue's own get_all() imports every one, and fails where one misses its dependencies.
    advertised = {point.name for point in entry_points(group=f"spacy_{NAME}")}
    registered = {path[-1] for path in catalogue.REGISTRY if path[:-1] == ("spacy", NAME)}
    return sorted(advertised | registered)
