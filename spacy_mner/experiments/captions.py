"""What is in a picture, in words: captions or tags, for readers who cannot see it."""

import json
from pathlib import Path
from typing import Dict, Optional

from spacy.tokens import Doc

from ..errors import Errors
from ..images.reading import strip_suffix


def read_captions(path: Optional[Path]) -> Dict[str, str]:
    """Read a file of captions or tags.

    path (Optional[Path]): JSON: {"image id": "a caption"} or {"image id": ["tag", "tag"]}; tags may have
        scores: ["tag", .93]. None = no captions.
    RETURNS (Dict[str, str]): one line of text by image id.
    RAISES (ValueError): M129 for a file of another kind.
    """
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise ValueError(Errors.M129.format(path=path, problem=error)) from error
    if not isinstance(content, dict):
        raise ValueError(Errors.M129.format(path=path, problem="it is not a JSON object"))
    captions = {}
    for id_, value in content.items():
        if isinstance(value, list):
            tags = [tag[0] if isinstance(tag, list) and tag else tag for tag in value]
            value = ", ".join(map(str, tags))
        if not isinstance(value, str):
            problem = f"the value of '{id_}' is neither a text nor a list"
            raise ValueError(Errors.M129.format(path=path, problem=problem))
        captions[id_] = value
    return captions


def describe_picture(doc: Doc, captions: Dict[str, str]) -> str:
    """The caption of a post's picture, else its id, else what is known: that there is one or not."""
    id_ = doc._.image_id
    for key in (id_, strip_suffix(id_), strip_suffix(Path(id_).name)) if id_ else ():
        if key in captions:
            return captions[key]
    if doc._.image_vec is None and doc._.image is None:
        return "no picture"
    return str(id_) if id_ else "a picture"
