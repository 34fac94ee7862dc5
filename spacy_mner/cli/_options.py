"""Options that are written as NAME=VALUE."""

import json
from typing import Any, Dict, Sequence

from ..errors import Errors


def parse_options(texts: Sequence[str]) -> Dict[str, Any]:
    """Read options as they are written on the command line.

    texts (Sequence[str]): NAME=VALUE each; values that are JSON (true, 3, null) are read as such.
    RETURNS (Dict[str, Any]): value by name.
    RAISES (ValueError): M111 if one is not understood.
    """
    options: Dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name.strip() or not equals:
            raise ValueError(Errors.M111.format(text=text))
        try:
            options[name.strip()] = json.loads(value)
        except ValueError:
            options[name.strip()] = value
    return options
