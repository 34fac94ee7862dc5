"""A page of labelled posts, with their pictures: what `spacy mner predict --html` writes."""

import shutil
from collections import Counter
from contextlib import contextmanager
from html import escape
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Dict, Iterator, List, Sequence

from spacy.displacy.render import EntityRenderer
from spacy.displacy.templates import TPL_ENT
from spacy.util import minify_html

from .. import about
from ..images.reading import printable
from ..output import atomic_text
from .colors import COLORS
from .modality_bars import modality_bars
from .page import PAGE_END, page_head
from .picture_viewer import PictureViewer, PostPicture
from .posts_style import CSS

TITLE = "Entities in posts"
# Browsers become slow with much more.
MAX_POSTS = 1000
MAX_CHARS, MAX_TOKENS, MAX_PICTURES = 4000, 200, 4
# Posts whose pictures are looked at together.
_BATCH = 16
# Bytes of the page that wait in memory for its head; more go to the disk.
_IN_MEMORY = 2**24

# displaCy's own, without the white space that would come between an entity and its comma.
_ENTITY = minify_html(TPL_ENT).replace("{kb_link}", "{kb_link}{score}")

Record = Dict[str, Any]


@contextmanager
def open_posts_page(
    path: Path,
    viewer: PictureViewer,
    *,
    facts: Sequence[str] = (),
    direction: str = "ltr",
    max_posts: int = MAX_POSTS,
) -> Iterator["PostsPage"]:
    """Write a page of posts, which takes its name only when the block ends without an error.

    path (Path): the HTML file.
    viewer (PictureViewer): shows the pictures.
    facts (Sequence[str]): facts for the page's head.
    direction (str): "ltr" or "rtl": how the language is written.
    max_posts (int): later posts are counted, and not shown.
    YIELDS (PostsPage): takes the posts, one after the other, in bounded memory.
    """
    with (
        atomic_text(path) as stream,
        SpooledTemporaryFile(max_size=_IN_MEMORY, mode="w+", encoding="utf8", newline="\n") as body,
    ):
        page = PostsPage(body, viewer, direction=direction, max_posts=max_posts)
        yield page
        page.flush()
        stream.write(page_head(TITLE, CSS))
        stream.write(page.render_head(facts))
        body.seek(0)
        shutil.copyfileobj(body, stream)
        stream.write(f"</div>{PAGE_END}")


class PostsPage:
    """Posts as HTML, and the head of their page, which is known when the last one has come.

    body (IO[str]): where the posts go.
    viewer (PictureViewer): shows the pictures.
    direction (str): "ltr" or "rtl".
    max_posts (int): later posts are counted, and not shown.
    """

    def __init__(
        self, body: IO[str], viewer: PictureViewer, *, direction: str, max_posts: int
    ) -> None:
        self.body = body
        self.viewer = viewer
        self.max_posts = max_posts
        self.counts: Counter[str] = Counter()
        self.labels: Counter[str] = Counter()
        self._renderer = EntityRenderer({"colors": COLORS, "template": _ENTITY})
        self._settings = {"direction": direction}
        self._waiting: List[Record] = []

    def add(self, record: Record) -> None:
        """Show a post.

        record (Record): as `spacy mner predict` writes it, with `weights` where there are any; or
            what became of a post that could not be read: `id`, `source`, `error`.
        """
        self.counts["posts"] += 1
        if self.counts["posts"] > self.max_posts:
            return
        self._waiting.append(record)
        if len(self._waiting) == _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write the posts that wait for others to be looked at together."""
        records, self._waiting = self._waiting, []
        shown = self.viewer.view([_names(record)[:MAX_PICTURES] for record in records])
        for record, pictures in zip(records, shown, strict=True):
            self.counts["shown"] += 1
            self.body.write(self._render(record, pictures))

    def render_head(self, facts: Sequence[str]) -> str:
        """Title, figures, legend and switches.

        facts (Sequence[str]): what else to say, such as the name of the pipeline.
        RETURNS (str): HTML, up to the beginning of the list of posts.
        """
        n = self.counts
        lines = [*map(printable, facts), f"{n['shown']:,} posts"]
        if n["shown"] < n["posts"]:
            lines[-1] = f"the first {n['shown']:,} of {n['posts']:,} posts"
        lines += [f"{n['used']:,} with their picture used", f"{n['entities']:,} entities"]
        if n["errors"]:
            lines.append(f"{n['errors']:,} could not be read")
        legend = "".join(
            f'<span class="item">{self._entity(label)} {count:,}</span>'
            for label, count in self.labels.most_common()
        )
        notes = []
        if self.viewer.folder is None:
            notes.append("Pictures are not shown, because no folder with pictures was given.")
        elif n["seen"] and self.viewer.no_tags:
            notes.append(f"There are no tags of pictures: {printable(self.viewer.no_tags)}.")
        if n["entities"]:
            notes.append("The figure beside a label is the entity's probability.")
        if n["weights"]:
            notes.append(
                "The bars below a post say how much of each modality went into each token."
            )
        else:
            notes.append("This pipeline gives no weights of modalities.")
        notes.append(f"Written by {about.__title__} {about.__version__}.")
        switches = '<input type="checkbox" id="found"><label for="found">only with entities</label>'
        if n["weights"]:
            switches += '<input type="checkbox" id="bars" checked><label for="bars">weights</label>'
        return (
            f'<h1>{TITLE}</h1>\n<p class="about">{escape(" · ".join(lines))}</p>\n'
            f'<div class="types">{legend}</div>\n<p class="note">{escape(" ".join(notes))}</p>\n'
            f'{switches}\n<div class="{"posts" if n["pictures"] else "posts plain"}">\n'
        )

    def _render(self, record: Record, pictures: Sequence[PostPicture]) -> str:
        number = self.counts["shown"]
        if "error" in record:
            self.counts["errors"] += 1
            meta = _meta(number, [record.get("id"), record["source"]])
            message = escape(printable(str(record["error"])))
            return (
                f'<div class="post" id="post-{number}">{meta}<p class="wrong">{message}</p></div>\n'
            )
        names = _names(record)
        used = bool(record["image_used"])
        self.counts["used"] += used
        self.counts["seen"] += any(picture.thumbnail is not None for picture in pictures)
        self.counts["entities"] += len(record["entities"])
        self.labels.update(ent["label"] for ent in record["entities"])
        state = "picture used" if used else "picture not used" if names else "no picture"
        parts = [_meta(number, [record["id"], *names[:MAX_PICTURES], state]), self._text(record)]
        for i, picture in enumerate(pictures, start=1):
            which = "picture" if len(names) == 1 else f"picture {i}"
            if picture.tags:
                parts.append(_tags(picture, which))
        if "weights" in record and record["weights"]["tokens"]:
            self.counts["weights"] += 1
            parts.append(modality_bars(record["weights"], max_tokens=MAX_TOKENS))
        self.counts["pictures"] += len(pictures)
        shots = "".join(map(_picture, pictures))
        shape = "shots several" if len(pictures) > 1 else "shots"
        if len(names) > MAX_PICTURES:
            shots += f"<small>and {len(names) - MAX_PICTURES:,} more</small>"
        kind = "post" if record["entities"] else "post empty"
        return (
            f'<div class="{kind}" id="post-{number}"><div class="{shape}">{shots}</div>'
            f"<div>{''.join(parts)}</div></div>\n"
        )

    def _text(self, record: Record) -> str:
        text = record["text"]
        shown = text[:MAX_CHARS]
        ents = [
            {
                "start": ent["start"],
                "end": ent["end"],
                # displaCy escapes the text, not the label.
                "label": escape(ent["label"]),
                "params": {"score": _score(ent)},
            }
            for ent in sorted(record["entities"], key=lambda ent: ent["start"])
            if ent["end"] <= MAX_CHARS
        ]
        html = self._renderer.render([{"text": shown, "ents": ents, "settings": self._settings}])
        if len(shown) < len(text):
            html += f'<p class="note">… and {len(text) - len(shown):,} characters more</p>'
        return html

    def _entity(self, label: str) -> str:
        color = self._renderer.colors.get(label.upper(), self._renderer.default_color)
        return f'<mark style="background:{color}"><b>{escape(label)}</b></mark>'


def _names(record: Record) -> List[str]:
    names = record.get("image")
    return [] if names is None else [names] if isinstance(names, str) else names


def _meta(number: int, facts: Sequence[Any]) -> str:
    line = " · ".join(escape(printable(str(fact))) for fact in facts if fact is not None)
    return f'<p class="meta"><b>{number}</b> {line}</p>'


def _picture(picture: PostPicture) -> str:
    name = escape(printable(picture.name))
    if picture.thumbnail is None:
        return f'<div class="lost"><b>no picture</b> {escape(printable(picture.reason))}</div>'
    uri, width, height = picture.thumbnail
    return f'<img alt="{name}" width="{width}" height="{height}" decoding="async" src="{uri}">'


def _tags(picture: PostPicture, which: str) -> str:
    tags = ", ".join(f"{escape(name)} {share:.0%}" for name, share in picture.tags)
    return f'<p class="tags">in the {which}: {tags}</p>'


def _score(ent: Record) -> str:
    score = ent.get("score")
    return "" if score is None else f'<span class="score">{score:.2f}</span>'
