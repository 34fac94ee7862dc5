"""Which pictures a post has, and under which ids."""

import hashlib
from pathlib import Path, PurePath
from typing import Any, List, NamedTuple, Optional, Tuple

from spacy.tokens import Doc


class Picture(NamedTuple):
    """What an image encoder, or a feature store, is asked for.

    id (Optional[str]): Its id.
    images (Tuple[Any, ...]): Where it is; several, if the id stands for all of them; none, if only the
        id is known.
    """

    id: Optional[str]
    images: Tuple[Any, ...]

    @property
    def names(self) -> List[Any]:
        """RETURNS (List[Any]): What vectors from elsewhere may call it: its id, its path, its file."""
        if self.id is None:
            return list(self.images)
        names: List[Any] = [self.id]
        if len(self.images) == 1 and isinstance(self.images[0], (str, Path)):
            names += [self.id + PurePath(self.images[0]).suffix, self.images[0]]
        return names


def find_pictures(doc: Doc) -> List[Picture]:
    """Find the pictures of a post.

    `Doc._.image_id` is the id of its first picture. If it is the end of the picture's path, the other
    pictures' paths below the same folder are theirs; otherwise it stands for all pictures.

    doc (Doc): The post.
    RETURNS (List[Picture]): Its pictures in their order.
    """
    images, id_ = find_images(doc), doc._.image_id
    if id_ is None:
        return [Picture(None, (image,)) for image in images]
    ids = _ids_beside(id_, images) if len(images) > 1 else None
    if ids is None:
        return [Picture(id_, tuple(images))]
    return [Picture(id_, (image,)) for id_, image in zip(ids, images, strict=True)]


def find_images(doc: Doc) -> List[Any]:
    """RETURNS (List[Any]): `Doc._.image` as a list."""
    image = doc._.image
    if image is None:
        return []
    return list(image) if isinstance(image, (list, tuple)) else [image]


def picture_key(image: Any) -> Tuple[str, Any]:
    """Tell pictures apart.

    image (Any): A path, the bytes of a file, or a picture in memory, which must stay there.
    RETURNS (Tuple[str, Any]): What kind it is, and what makes it this one.
    """
    if isinstance(image, (str, Path)):
        return "path", str(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return "bytes", hashlib.sha256(image).digest()
    return "object", id(image)


def _ids_beside(id_: str, images: List[Any]) -> Optional[List[Optional[str]]]:
    """The ids of pictures of which the first has this one; None if that says nothing of the others."""
    if not all(isinstance(image, (str, Path)) for image in images):
        return None
    paths = [PurePath(image).as_posix() for image in images]
    stems = [path.removesuffix(PurePath(path).suffix) for path in paths]
    for names in (stems, paths):
        folder = names[0].removesuffix(id_)
        if names[0].endswith(id_) and (not folder or folder.endswith("/")):
            return [x.removeprefix(folder) if x.startswith(folder) else None for x in names]
    return None
