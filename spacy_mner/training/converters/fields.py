"""A record of named fields (JSONL, CSV, Parquet) to a post."""

from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from ...output import storable
from .records import CharSpan, Post, RecordError, TokenSpan, check_post

# The first that a record has counts; the others go to `Post.extra`.
IMAGE = ("image", "image_id")
TOKENS = ("tokens", "words")
TAGS = ("tags", "ner_tags")
SPANS = ("spans", "entities", "label", "labels")
_START = ("start", "start_offset")
_END = ("end", "end_offset")
_LABEL = ("label", "type", "tag")


def post_from_fields(record: Any, source: str) -> Post:
    """Make a post of a record as data sets and annotation tools write it.

    Understood are `tokens` with `tags`, and `text` with character spans: `[[start, end, label]]`
    (doccano), `[{"start", "end", "label"}]` (Prodigy, spaCy), `{"start_offset", "end_offset"}`
    (doccano's relations), and Label Studio's JSON and JSON-MIN.

    record (Any): The record.
    source (str): Where it stands, "file:line".
    RETURNS (Post): The post.
    RAISES (RecordError): A field is not of the right kind.
    """
    if not isinstance(record, Mapping):
        raise RecordError("M046", source, problem=f"it is {_name(record)}")
    fields, annotation = _flatten_label_studio(dict(record))
    id_ = _identifier(fields.pop("id", None), "id", source)
    try:
        if annotation is not None:
            fields["spans"] = _label_studio_spans(annotation.get("result"), source)
        return _make_post(fields, id_, source)
    except RecordError as error:
        # The record can be found again by it.
        error.id = None if id_ is None else storable(id_)
        raise


def _make_post(fields: Dict[str, Any], id_: Optional[str], source: str) -> Post:
    text = _string(fields.pop("text", None), "text", source)
    tokens = _tokens(_pop(fields, TOKENS), source)
    post = Post(
        source=source,
        id=id_,
        tokens=tokens,
        text=text,
        image=_image(fields, source),
    )
    if post.tokens is not None:
        post.tags = _tags(fields, len(post.tokens), source)
    if post.tags is None:
        post.spans = _spans(fields, post, source)
    post.extra = fields
    return check_post(post)


def _flatten_label_studio(
    fields: Dict[str, Any],
) -> Tuple[Dict[str, Any], Optional[Mapping[str, Any]]]:
    """RETURNS (Tuple[dict, Optional[Mapping]]): The post's fields, and the annotation that counts."""
    data, annotations = fields.get("data"), fields.get("annotations")
    if not isinstance(data, Mapping) or not isinstance(annotations, Sequence):
        return fields, None
    given = (a for a in annotations if isinstance(a, Mapping) and not a.get("was_cancelled"))
    return {"id": fields.get("id"), **data}, next(given, None)


def _label_studio_spans(results: Any, source: str) -> List[Any]:
    if not isinstance(results, (list, tuple)) or not all(isinstance(r, Mapping) for r in results):
        raise _wrong("result", results, "a list of regions", source)
    # Regions of a picture and choices stand in the same list as the spans of the text.
    return [r.get("value") for r in results if r.get("type") == "labels"]


def _tokens(value: Any, source: str) -> Optional[List[str]]:
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        # Prodigy and spaCy write {"text": "Daisy", "start": 0, "end": 5, "id": 0}.
        tokens = [t.get("text") if isinstance(t, Mapping) else t for t in value]
        strings = [t for t in tokens if isinstance(t, str)]
        if len(strings) == len(tokens):
            return strings
    raise _wrong("tokens", value, "a list of strings", source)


def _tags(fields: Dict[str, Any], n_tokens: int, source: str) -> Optional[List[str]]:
    value = _pop(fields, TAGS)
    if value is None:
        # `labels` is a list of tags in some files, and of spans in others.
        for name in ("labels", "label"):
            found = fields.get(name)
            if _is_strings(found) and found is not None and len(found) == n_tokens:
                return list(fields.pop(name))
        return None
    if not _is_strings(value):
        raise _wrong("tags", value, "a list of strings such as B-PER", source)
    return list(value)


def _spans(
    fields: Dict[str, Any], post: Post, source: str
) -> Optional[List[Union[CharSpan, TokenSpan]]]:
    for name in SPANS:
        value = fields.get(name)
        # A `label` that is a string is the class of the whole text, not a span.
        if isinstance(value, (list, tuple)):
            del fields[name]
            return [_span(item, name, post, source) for item in value]
    return None


def _span(item: Any, name: str, post: Post, source: str) -> Union[CharSpan, TokenSpan]:
    expected = "[start, end, label] or {start, end, label}"
    if isinstance(item, Mapping):
        start, end, label = _first(item, _START), _first(item, _END), _first(item, _LABEL)
        if label is None and isinstance(item.get("labels"), (list, tuple)):
            label = item["labels"][0] if item["labels"] else None
        of_tokens = _is_int(item.get("token_start")) and _is_int(item.get("token_end"))
        # Prodigy gives both; characters count in a text alone.
        if of_tokens and (start is None or post.text is None):
            # Prodigy's token_end is the last token, not the one after it.
            start, end = item["token_start"], item["token_end"] + 1
            length = len(post.tokens or ())
            if 0 <= start < end <= length and isinstance(label, str) and label.strip():
                return TokenSpan(start, end, label)
            expected = f"token_start and token_end inside of the {length} tokens, with a label"
            raise _wrong(name, item, expected, source)
    elif isinstance(item, (list, tuple)) and len(item) == 3:
        start, end, label = item
    else:
        raise _wrong(name, item, expected, source)
    if not (_is_int(start) and _is_int(end) and isinstance(label, str) and label.strip()):
        raise _wrong(name, item, expected, source)
    if post.text is None:
        raise RecordError("M049", source, problem="the record has tokens only")
    if not 0 <= start < end <= len(post.text):
        length = len(post.text)
        raise RecordError("M048", source, start=start, end=end, label=label, length=length)
    return CharSpan(start, end, label)


def _image(fields: Dict[str, Any], source: str) -> Union[str, List[str], None]:
    value = _pop(fields, IMAGE)
    if isinstance(value, Mapping):  # Hugging Face's {"path": ..., "bytes": ...}
        value = value.get("path")
    if value is None or value == "" or value == []:
        return None
    if isinstance(value, (list, tuple)):
        if not all(isinstance(name, str) and name for name in value):
            raise _wrong("image", value, "a name, a list of names, or null", source)
        return list(value)
    return _identifier(value, "image", source)


def _pop(fields: Dict[str, Any], names: Iterable[str]) -> Any:
    """Take the first of the names that has a value."""
    for name in names:
        if fields.get(name) is not None:
            return fields.pop(name)
        fields.pop(name, None)
    return None


def _first(item: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((item[name] for name in names if item.get(name) is not None), None)


def _string(value: Any, field: str, source: str) -> Optional[str]:
    if value is None or isinstance(value, str):
        return value
    raise _wrong(field, value, "a string", source)


def _identifier(value: Any, field: str, source: str) -> Optional[str]:
    if value is None or value == "":
        return None
    if isinstance(value, str) or _is_int(value):
        return str(value)
    # pandas makes floats of a column of whole numbers in which one is missing.
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    raise _wrong(field, value, "a string or a whole number", source)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_strings(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)


def _wrong(field: str, value: Any, expected: str, source: str) -> RecordError:
    return RecordError("M047", source, field=field, value=_name(value), expected=expected)


def _name(value: Any) -> str:
    """Say what a value is, briefly: data files can hold anything of any size."""
    shown = repr(value)
    return f"{type(value).__name__} {shown if len(shown) <= 60 else shown[:57] + '...'}"
