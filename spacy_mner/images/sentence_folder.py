"""The folder of a sentence encoder: find it, tell one from another, and see how it pools."""

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, List, Sequence

from ..errors import Errors
from .weights import digest

# One of these holds the weights: the better first, in one file or in several.
WEIGHTS = (
    "model.safetensors",
    "model-*-of-*.safetensors",
    "pytorch_model.bin",
    "pytorch_model-*-of-*.bin",
)
# What the tokenizers of `transformers` call their files.
TOKENIZER = (
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.codes",
    "special_tokens_map.json",
    "added_tokens.json",
)
CONFIG = "config.json"
# What sentence-transformers adds: the steps after the network.
STEPS = "modules.json"


def find_folder(model: str, *, download: bool) -> Path:
    """Find a sentence encoder, in a folder or by its name.

    model (str): The folder; or a name on Hugging Face's hub, "owner/name", which is looked up in the cache.
    download (bool): Whether one that is not in the cache may be downloaded.
    RETURNS (Path): The folder.
    RAISES (ValueError): If it is not there, cannot be downloaded, or lacks its description or weights.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _from_hugging_face(model, download)
    if not (folder / CONFIG).is_file():
        raise ValueError(Errors.M135.format(path=folder, problem=f"it has no {CONFIG}"))
    weight_files(folder)
    return folder


def weight_files(folder: Path) -> List[Path]:
    """Say which files of a folder hold the weights.

    folder (Path): The folder.
    RETURNS (List[Path]): The files.
    RAISES (ValueError): If there are none.
    """
    for pattern in WEIGHTS:
        files = _files(folder, [pattern])
        if files:
            return files
    problem = f"it has no weights ({WEIGHTS[0]}, or {WEIGHTS[2]})"
    raise ValueError(Errors.M135.format(path=folder, problem=problem))


def identity(folder: Path) -> Dict[str, str]:
    """Tell sentence encoders apart by what they are made of, wherever they lie.

    folder (Path): The folder.
    RETURNS (Dict[str, str]): Hashes of weights, configuration and tokenizer, and the pooling.
    RAISES (ValueError): See `pooling`.
    """
    return {
        "weights": _digest(weight_files(folder)),
        "config": _digest([folder / CONFIG]),
        "tokenizer": _digest(_files(folder, TOKENIZER)),
        "pooling": pooling(folder),
    }


def pooling(folder: Path) -> str:
    """Say how the tokens' vectors become the sentence's.

    folder (Path): The folder. Without a word about it there, it is the mean.
    RETURNS (str): "mean" of all tokens, or "cls": the first one.
    RAISES (ValueError): If the folder asks for another way, or for layers after it.
    """
    if not (folder / STEPS).is_file():
        return "mean"
    found = "mean"
    for step in _read_json(folder / STEPS):
        kind = str(step["type"]).rpartition(".")[2]
        if kind == "Pooling":
            found = _mode(_read_json(folder / step["path"] / CONFIG))
        elif kind not in ("Transformer", "Normalize"):
            problem = f"{STEPS} asks for a layer '{kind}' after the network"
            raise ValueError(Errors.M135.format(path=folder, problem=problem))
    if found not in ("mean", "cls"):
        problem = f"{STEPS} asks for the pooling '{found}', not mean or cls"
        raise ValueError(Errors.M135.format(path=folder, problem=problem))
    return found


def _mode(config: Dict[str, Any]) -> str:
    """Read the kind of pooling, as sentence-transformers writes it: a name, or a flag for each kind."""
    if "pooling_mode" in config:
        return str(config["pooling_mode"])
    names = {"cls_token": "cls", "mean_tokens": "mean"}
    prefix = "pooling_mode_"
    flags = [
        key.removeprefix(prefix) for key, on in config.items() if key.startswith(prefix) and on
    ]
    return "+".join(names.get(flag, flag) for flag in flags) or "mean"


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as err:
        problem = f"{path.name} cannot be read ({type(err).__name__}: {err})"
        raise ValueError(Errors.M135.format(path=path.parent, problem=problem)) from err


def _from_hugging_face(model: str, download: bool) -> Path:
    from huggingface_hub import constants, snapshot_download

    def get(patterns: Sequence[str], offline: bool) -> Path:
        found = snapshot_download(model, allow_patterns=list(patterns), local_files_only=offline)
        return Path(found)

    description = (CONFIG, STEPS, f"*/{CONFIG}", *TOKENIZER)
    try:
        folder = get(description, True)
        if not download or ((folder / CONFIG).is_file() and _files(folder, WEIGHTS)):
            return folder
    except Exception as err:  # the library's own: not in the cache, or no name at all
        if not download:
            cache = constants.HF_HUB_CACHE
            raise ValueError(Errors.M133.format(model=model, cache=cache)) from err
    try:
        for pattern in WEIGHTS:  # many repositories hold the same weights twice
            folder = get((*description, pattern), False)
            if _files(folder, [pattern]):
                break
    except Exception as err:  # the library's own, or one of its HTTP client's
        raise ValueError(Errors.M134.format(model=model, reason=err)) from err
    return folder


def _files(folder: Path, patterns: Sequence[str]) -> List[Path]:
    return sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})


def _digest(files: Sequence[Path]) -> str:
    """A file's own hash, as of other encoders' weights; of several files, one of their names and hashes."""
    if len(files) == 1:
        return digest(files[0])
    text = "".join(f"{file.name} {digest(file)}\n" for file in files)
    return hashlib.sha256(text.encode("utf8")).hexdigest()[:8]
