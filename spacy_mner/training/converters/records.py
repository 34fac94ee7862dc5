"""One post as it stands in a data file, before spaCy sees it."""

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Union

from ...errors import Errors
from ...output import storable


class CharSpan(NamedTuple):
    """An entity by character offsets into `Post.text`; the end is exclusive."""

    start: int
    end: int
    label: str


class TokenSpan(NamedTuple):
    """An entity by positions in `Post.tokens`; the end is exclusive."""

    start: int
    end: int
    label: str


@dataclass
class Post:
    """One record of a data file.

    source (str): Where it was read, "file:line" (for Parquet, "file:row").
    id (Optional[str]): The post's name in its data set.
    tokens (Optional[List[str]]): The words, if the file says what they are.
    text (Optional[str]): The text, if the file has it. One of tokens and text is always there.
    tags (Optional[List[str]]): One tag per token, as written. None: not annotated with tags.
    spans (Optional[list]): CharSpan or TokenSpan entities. None: not annotated with spans.
    image (Union[str, List[str], None]): Name of the picture or pictures, as written.
    extra (Dict[str, Any]): The record's other fields.
    """

    source: str
    id: Optional[str] = None
    tokens: Optional[List[str]] = None
    text: Optional[str] = None
    tags: Optional[List[str]] = None
    spans: Optional[List[Union[CharSpan, TokenSpan]]] = None
    image: Union[str, List[str], None] = None
    extra: Dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.source = storable(self.source)

    @property
    def images(self) -> List[str]:
        """RETURNS (List[str]): The names of the post's pictures; empty for a post without one."""
        if self.image is None:
            return []
        return [self.image] if isinstance(self.image, str) else self.image


class RecordError(ValueError):
    """One record cannot be used. Whatever is wrong with it, the error can be written as UTF-8.

    code (str): Name of the message in `Errors`.
    source (str): Where the record stands, "file:line".
    id (Optional[str]): The post's name, where it could be read.
    **values: What the message says about it.
    """

    id: Optional[str] = None

    def __init__(self, code: str, source: str, **values: Any) -> None:
        super().__init__(storable(getattr(Errors, code).format(source=source, **values)))
        self.code = code
        self.source = storable(source)


OnError = Callable[[RecordError], None]


def check_post(post: Post) -> Post:
    """Refuse a post that could not be made into a Doc.

    post (Post): The post as read.
    RETURNS (Post): The same post.
    RAISES (RecordError): Nothing to label, tags that do not match the tokens, broken Unicode.
    """
    if post.tokens is None and post.text is None:
        raise RecordError("M045", post.source)
    if post.tokens is not None:
        for i, token in enumerate(post.tokens):
            if not token:
                raise RecordError(
                    "M047",
                    post.source,
                    field=f"tokens[{i}]",
                    value="an empty string",
                    expected="a non-empty string",
                )
    if post.tags is not None:
        n_tokens = len(post.tokens) if post.tokens is not None else 0
        if n_tokens != len(post.tags):
            raise RecordError("M044", post.source, tokens=n_tokens, tags=len(post.tags))
    # JSON can spell half of a surrogate pair (a cut emoji), which no UTF-8 file can hold.
    labels = [span.label for span in post.spans or ()]
    for string in (
        *(post.id, post.text),
        *(post.tokens or ()),
        *(post.tags or ()),
        *labels,
        *post.images,
    ):
        if string is not None and not string.isascii():
            try:
                string.encode("utf8")
            except UnicodeEncodeError as err:
                raise RecordError("M050", post.source, problem=f"{string!r} {err.reason}") from None
    return post
