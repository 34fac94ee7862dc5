"""What a page shows of the pictures that posts name: thumbnails and tags, or why there are none."""

from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import is_coded, without_code
from ..images.reading import ImageReadError, describe
from ..images.types import ImageEncoder, Tagger
from ..training.converters.pictures import find_image, why_missing
from .thumbnails import Thumbnail, make_thumbnail

N_TAGS = 3


class PostPicture(NamedTuple):
    """A picture on a page.

    name (str): as the post has it.
    thumbnail (Optional[Thumbnail]): None if there is no picture to be had.
    reason (str): why there is none.
    tags (Sequence[Tuple[str, float]]): what an encoder sees, with probabilities, best first.
    """

    name: str
    thumbnail: Optional[Thumbnail] = None
    reason: str = ""
    tags: Sequence[Tuple[str, float]] = ()


class PictureViewer:
    """Finds the pictures of posts and looks at them.

    folder (Optional[Path]): where the pictures are. Without one there is nothing to see.
    encoder (Optional[ImageEncoder]): names the contents, if it is a `Tagger` of pictures.
    no_tags (str): once pictures were viewed: why there are no tags at all, or "".
    """

    def __init__(self, folder: Optional[Path], encoder: Optional[ImageEncoder] = None) -> None:
        self.folder = folder
        self.no_tags = ""
        self._tagger: Any = None
        if encoder is None:
            self.no_tags = "the pipeline has no image_encoder"
        elif encoder.reads != "picture" or not isinstance(encoder, Tagger):
            self.no_tags = f"the image encoder {encoder.name} has none"
        else:
            self._tagger = encoder

    def view(self, posts: Sequence[Sequence[str]]) -> List[List[PostPicture]]:
        """Look at the pictures of a few posts; their tags are computed in one batch.

        posts (Sequence[Sequence[str]]): the names of each post's pictures.
        RETURNS (List[List[PostPicture]]): a picture a name; nothing where no folder was given.
        RAISES (ImportError): if Pillow is not installed.
        """
        if self.folder is None:
            return [[] for _ in posts]
        pictures: List[List[PostPicture]] = []
        read: List[Tuple[int, int]] = []
        batch: List[Any] = []
        for i, names in enumerate(posts):
            pictures.append([])
            for name in names:
                try:
                    path = _find(name, self.folder)
                    picture = PostPicture(name, make_thumbnail(path))
                    if self._tagger is not None:
                        batch.append(self._tagger.read(path))
                        read.append((i, len(pictures[i])))
                except ImageReadError as error:
                    picture = PostPicture(name, reason=_short(error, name, self.folder))
                pictures[i].append(picture)
        for (i, j), tags in zip(read, self._tags(batch), strict=False):
            pictures[i][j] = pictures[i][j]._replace(tags=tags)
        return pictures

    def _tags(self, batch: List[Any]) -> List[List[Tuple[str, float]]]:
        if not batch:
            return []
        try:
            tags: List[List[Tuple[str, float]]] = self._tagger.tags(batch, n=N_TAGS)
        except (ValueError, OSError, ImportError) as error:
            # No classifier, or no weights: the page is worth having without tags.
            if not is_coded(error):
                raise
            self._tagger, self.no_tags = None, str(error)
            return []
        return tags


def _find(name: str, folder: Path) -> Path:
    path = find_image(name, folder)
    if path is None:
        raise ImageReadError(why_missing(name, folder))
    return path


def _short(error: ImageReadError, name: str, folder: Path) -> str:
    """The reason without its code, and without the folder: who reads the page need not know it."""
    reason = without_code(str(error))
    path = find_image(name, folder)
    if path is not None:
        reason = reason.replace(describe(path), describe(name))
    # "." and "/" have no name, and tell nothing.
    return reason.replace(describe(str(folder)), describe(folder.name)) if folder.name else reason
