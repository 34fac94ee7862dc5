"""Component `image_encoder`: turns `Doc._.image` into `Doc._.image_vec`."""

from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Union

import numpy as np
import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc

from ..errors import Errors
from ..extensions import set_extensions
from ..images import registry  # noqa: F401 (the config's @image_encoders needs it)
from ..images.compute import Found, compute_vectors
from ..images.judge import USELESS, judge_vector
from ..images.reading import ImageReadError, describe
from ..images.recent import RecentVectors
from ..images.store import FeatureStore
from ..images.types import EncoderInfo, ImageEncoder, OfPipeline, check_encoder
from ..models.shim import limit_threads_after_fork
from .missing import MissingPictures
from .sources import Picture, find_images, find_pictures, picture_key

set_extensions()


@Language.factory(
    "image_encoder",
    assigns=["doc._.image_vec", "doc._.image_errors"],
    default_config={"encoder": {"@image_encoders": "efficientnet_lite0"}, "store": None},
)
def make_image_encoder(
    nlp: Language, name: str, encoder: Any, store: Optional[Union[str, Path]]
) -> "ImageEncoderPipe":
    """Gives posts the vectors of their pictures: `Doc._.image` or `Doc._.image_id` -> `Doc._.image_vec`.

    nlp (Language): The pipeline.
    name (str): Name of the component.
    encoder (ImageEncoder): From the registry `@image_encoders`.
    store (Optional[Union[str, Path]]): Feature store in which `Doc._.image_id` is looked up first.
    RETURNS (ImageEncoderPipe): The component.
    RAISES (ValueError): If the encoder is not one.
    """
    check_encoder(encoder)
    # Encoders that live on the pipeline's own vectors get to know it.
    if isinstance(encoder, OfPipeline):
        encoder.bind(nlp)
    return ImageEncoderPipe(name, encoder, store=store)


class ImageEncoderPipe(Pipe):
    """Sets `Doc._.image_vec` of posts that have an image, or an image id, and no vector yet.

    `Doc._.image` may be a path, the bytes of a file, a PIL image, an array (H, W, 3), or a list of
    these, whose vectors become the rows of one array (R, D). What cannot be read, or gets a vector of
    zeros or NaN, counts as missing; it is named in one warning, and `Doc._.image_errors` says why. A
    file, or bytes, that come again in a stream are not computed again if they were seen lately.

    Afterwards `Doc._.image` holds only what can be serialized: paths as str, and bytes. Pictures in
    memory are dropped. With `n_process`, give paths or bytes: docs travel to the other process before
    this component sees them.

    name (str): Name of the component.
    encoder (ImageEncoder): Turns pictures into vectors. Its network is built at first use.
    store (Optional[Union[str, Path]]): Feature store for `Doc._.image_id`.
    """

    def __init__(
        self,
        name: str,
        encoder: ImageEncoder,
        *,
        store: Optional[Union[str, Path]] = None,
    ) -> None:
        self.name = name
        self.encoder = encoder
        self.store_path = store
        self._store: Optional[FeatureStore] = None
        # What a loaded component must agree with, until that was checked.
        self._saved: Optional[EncoderInfo] = None

    def __call__(self, doc: Doc) -> Doc:
        """Set the vector of one post.

        doc (Doc): The post.
        RETURNS (Doc): The same post.
        """
        missing = MissingPictures()
        try:
            self._annotate([doc], missing, RecentVectors())
        except Exception as err:
            self.get_error_handler()(self.name, self, [doc], err)
        missing.warn(self.store_path)
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Set the vectors of a stream of posts.

        stream (Iterable[Doc]): The posts.
        batch_size (int): Posts whose pictures are computed together.
        YIELDS (Doc): The posts in their order.
        """
        error_handler = self.get_error_handler()
        missing, recent = MissingPictures(), RecentVectors()
        posts = iter(stream)
        while docs := list(islice(posts, batch_size)):
            try:
                self._annotate(docs, missing, recent)
            except Exception as err:
                error_handler(self.name, self, docs, err)
            else:
                yield from docs
        missing.warn(self.store_path)

    def _annotate(self, docs: List[Doc], missing: MissingPictures, recent: RecentVectors) -> None:
        limit_threads_after_fork()
        if isinstance(self.encoder, OfPipeline):
            self.encoder.follow(docs[0].vocab)
        waiting = [(doc, self._look_up(doc, missing)) for doc in docs if doc._.image_vec is None]
        # A retweet brings the same picture again: each is computed once.
        sources = {
            self._key(x): x for _, pictures in waiting for x in pictures if isinstance(x, Picture)
        }
        vectors = self._encode(sources, missing, recent)
        for doc, pictures in waiting:
            results = [vectors[self._key(x)] if isinstance(x, Picture) else x for x in pictures]
            found = [result for result in results if isinstance(result, np.ndarray)]
            errors = [str(result) for result in results if isinstance(result, ImageReadError)]
            # They travel with the doc, where a warning would stay in another process.
            if errors or doc._.image_errors:
                doc._.image_errors = errors or None
            if found:
                whole = len(found) == 1 and not isinstance(doc._.image, (list, tuple))
                # A copy: otherwise each post would keep the vectors of its whole batch alive.
                doc._.image_vec = found[0].copy() if whole else np.vstack(found)
        for doc in docs:
            _make_serializable(doc)

    def _look_up(self, doc: Doc, missing: MissingPictures) -> List[Union[Found, Picture]]:
        """What the store has of a post's pictures, and those that are left to the encoder."""
        found: List[Union[Found, Picture]] = []
        for picture in find_pictures(doc):
            stored = self._from_store(picture.id, missing)
            if stored is not None:
                found.append(stored)
            elif self.encoder.reads == "id":
                # Vectors that were computed elsewhere belong to an id, not to what is in the picture.
                found.append(picture)
            elif picture.images:
                found += [Picture(picture.id, (image,)) for image in picture.images]
            elif self.store_path is not None and picture.id is not None:
                missing.add_id(picture.id)
        return found

    def _key(self, picture: Picture) -> Any:
        if self.encoder.reads == "id":
            return "id", (picture.id, *map(picture_key, picture.images))
        return picture_key(picture.images[0])

    def _read(self, picture: Picture) -> Any:
        if self.encoder.reads != "id":
            return self.encoder.read(picture.images[0])
        first, *others = picture.names
        try:
            return self.encoder.read(first)
        except ImageReadError:
            for name in others:
                with suppress(ImageReadError):
                    return self.encoder.read(name)
            raise

    def _encode(
        self, sources: Dict[Any, Picture], missing: MissingPictures, recent: RecentVectors
    ) -> Dict[Any, Found]:
        known = {key: recent.get(key) for key in sources}
        vectors: Dict[Any, Found] = {
            key: vector for key, vector in known.items() if vector is not None
        }
        todo = [(key, source) for key, source in sources.items() if key not in vectors]
        if todo:
            self._check_saved()
        for key, found in compute_vectors(todo, self.encoder, read=self._read):
            source = sources[key]
            name = source.names[0] if self.encoder.reads == "id" else source.images[0]
            vectors[key] = found = _judge(name, found, missing)
            if isinstance(found, np.ndarray):
                recent.add(key, found)
        return vectors

    def _from_store(self, id_: Optional[str], missing: MissingPictures) -> Optional[Found]:
        if self.store_path is None or id_ is None:
            return None
        if self._store is None:
            store = FeatureStore.open(self.store_path)
            self.check_store(store)
            self._store = store
        vector = self._store.get(id_)
        return None if vector is None else _judge(id_, vector, missing)

    def check_store(self, store: FeatureStore) -> None:
        """Refuse vectors that cannot stand beside those of this component.

        store (FeatureStore): The store that they are in.
        RAISES (ValueError): M028 if another encoder made them.
        """
        self._check_saved()
        store.check(EncoderInfo.of(self.encoder))

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize which encoder this is; its weights come from where the encoder has them.

        exclude (Iterable[str]): Nothing to exclude here.
        RETURNS (bytes): The serialized component.
        """
        return srsly.msgpack_dumps({"encoder": self._info()})

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "ImageEncoderPipe":
        """Check that the serialized component had the same encoder.

        An encoder that lives on the pipeline's vectors is checked when it is used first.

        data (bytes): From `to_bytes`.
        exclude (Iterable[str]): Nothing to exclude here.
        RETURNS (ImageEncoderPipe): This component.
        RAISES (ValueError): If it had another encoder.
        """
        return self._check(srsly.msgpack_loads(data))

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Write which encoder this is into a folder.

        path (Union[str, Path]): The folder.
        exclude (Iterable[str]): Nothing to exclude here.
        """
        util.to_disk(path, _writers(self._info()), exclude)

    def from_disk(
        self, path: Union[str, Path], *, exclude: Iterable[str] = ()
    ) -> "ImageEncoderPipe":
        """Check that the component in a folder had the same encoder.

        An encoder that lives on the pipeline's vectors is checked when it is used first.

        path (Union[str, Path]): The folder.
        exclude (Iterable[str]): Nothing to exclude here.
        RETURNS (ImageEncoderPipe): This component.
        RAISES (ValueError): If it had another encoder.
        """
        return self._check(srsly.read_json(util.ensure_path(path) / "cfg"))

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_store": None}

    def _info(self) -> Optional[Dict[str, Any]]:
        if self._saved is not None:
            return self._saved.to_json()
        # An encoder without a width waits for the pipeline's vectors: nothing to compare yet.
        return EncoderInfo.of(self.encoder).to_json() if self.encoder.width else None

    def _check(self, data: Dict[str, Any]) -> "ImageEncoderPipe":
        self._saved = None if data["encoder"] is None else EncoderInfo(**data["encoder"])
        # The pipeline's vectors may come, or be exchanged, after it was loaded.
        if not isinstance(self.encoder, OfPipeline):
            self._check_saved()
        return self

    def _check_saved(self) -> None:
        """Compare with the encoder that was saved, once, as soon as this one has its vectors."""
        if self._saved is None or not self.encoder.width:
            return
        difference = self._saved.difference(EncoderInfo.of(self.encoder))
        if difference:
            what = f"The saved component '{self.name}'"
            raise ValueError(Errors.M028.format(what=what, difference=difference))
        self._saved = None


def _judge(source: Any, found: Found, missing: MissingPictures) -> Found:
    """Replace a vector that tells nothing by the reason, and count what is missing."""
    problem = None if isinstance(found, ImageReadError) else judge_vector(found)
    if problem in USELESS:
        found = ImageReadError(Errors.M039.format(source=describe(source), problem=problem))
    elif problem is not None:
        missing.add_constant(source)
    if isinstance(found, ImageReadError):
        missing.add(source, found)
    return found


def _make_serializable(doc: Doc) -> None:
    """Leave on the doc what msgpack can hold, for `DocBin` and `n_process`."""
    image = doc._.image
    if image is None or isinstance(image, (str, bytes)):
        return
    kept = [x for x in map(_serializable, find_images(doc)) if x is not None]
    is_list = isinstance(image, (list, tuple))
    doc._.image = (kept if is_list else kept[0]) if kept else None


def _serializable(image: Any) -> Optional[Union[str, bytes]]:
    if isinstance(image, (str, Path)):
        return str(image)
    return bytes(image) if isinstance(image, (bytes, bytearray, memoryview)) else None


def _writers(info: Optional[Dict[str, Any]]) -> Dict[str, Callable[[Path], None]]:
    return {"cfg": lambda path: srsly.write_json(path, {"encoder": info})}
