"""Weights of image encoders: find their file, tell files apart, read them without pickle."""

import re
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Union

import torch
from torch import nn

from ..errors import Errors, listed, missing_package
from ..hashing import hash_file

DIGITS = 8  # of the SHA-256, as in the names of PyTorch's own files
_HASH = re.compile(r"-([0-9a-f]{8,64})\.[a-z]+$")


def user_file(path: Union[str, Path]) -> Path:
    """Make sure that the file of weights that a user named is there.

    path (Union[str, Path]): The file.
    RETURNS (Path): The same.
    RAISES (ValueError): If there is no such file.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        problem = "it is a folder" if file.is_dir() else "there is no such file"
        raise ValueError(Errors.M101.format(path=path, problem=problem))
    return file


def torch_hub_file(url: str) -> Path:
    """Say where PyTorch and torchvision keep a downloaded file.

    url (str): Its address.
    RETURNS (Path): The path, in the folder of `torch.hub`.
    """
    return Path(torch.hub.get_dir(), "checkpoints", url.rsplit("/", 1)[-1])


def from_url(url: str, *, model: str, download: bool, path: Optional[Path] = None) -> Path:
    """Find a file in a cache, or download it there if that is allowed.

    url (str): Its address.
    model (str): The network, for messages.
    download (bool): Whether it may be downloaded.
    path (Optional[Path]): Where it belongs. None: in the cache of `torch.hub`.
    RETURNS (Path): The file. One whose name holds its hash has been checked when it was downloaded.
    RAISES (ValueError): If it is not there, or cannot be downloaded.
    """
    path = torch_hub_file(url) if path is None else path
    if path.is_file():
        return path
    if not download:
        raise ValueError(Errors.M100.format(model=model, file=path.name, path=path))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), expected_digest(path.name), progress=False)
    except (OSError, RuntimeError, ValueError) as err:
        raise ValueError(Errors.M103.format(model=model, reason=err, path=path)) from err
    return path


def from_hugging_face(
    repo: str, files: Sequence[str], *, model: str, download: bool, revision: Optional[str] = None
) -> Path:
    """Find one of several files in Hugging Face's cache, or download it if that is allowed.

    repo (str): The repository, "owner/name".
    files (Sequence[str]): Names of files that would do, the best first.
    model (str): The network, for messages.
    download (bool): Whether it may be downloaded.
    revision (Optional[str]): Branch, tag or commit.
    RETURNS (Path): The file.
    RAISES (ValueError): If none is there, or can be downloaded.
    """
    from huggingface_hub import constants, errors, hf_hub_download, try_to_load_from_cache

    for file in files:
        cached = try_to_load_from_cache(repo, file, revision=revision)
        if isinstance(cached, str):
            return Path(cached)
    folder = Path(constants.HF_HUB_CACHE, f"models--{repo.replace('/', '--')}", "snapshots")
    # A file put there by hand is found, too: a name without a commit stands for itself.
    path = folder / (revision or "main") / files[0]
    if not download:
        raise ValueError(Errors.M100.format(model=model, file=files[0], path=path))
    reason: Optional[Exception] = None
    for file in files:
        try:
            return Path(hf_hub_download(repo, file, revision=revision))
        except Exception as err:  # the library's own, or one of its HTTP client's
            reason = err
        # Another file is worth asking for where this one is not in the repository, not without network,
        # where each takes the library half a minute.
        if isinstance(reason, errors.LocalEntryNotFoundError):
            break
    raise ValueError(Errors.M103.format(model=model, reason=reason, path=path)) from reason


def expected_digest(name: str) -> Optional[str]:
    """Read the hash that a file carries in its name, by PyTorch's convention.

    name (str): E.g. "googlenet-1378be20.pth".
    RETURNS (Optional[str]): The first digits of the SHA-256, or None if the name has none.
    """
    found = _HASH.search(name)
    return found.group(1) if found else None


def digest(path: Path) -> str:
    """Tell files of weights apart by their bytes.

    path (Path): The file.
    RETURNS (str): The first eight digits of its SHA-256.
    """
    return hash_file(path)[:DIGITS]


def check_digest(path: Path) -> None:
    """Refuse a file that is not what its name says.

    path (Path): A file, e.g. of the cache; other names are not checked.
    RAISES (ValueError): If its hash is another one.
    """
    expected = expected_digest(path.name)
    if expected is None:
        return
    found = hash_file(path)
    if not found.startswith(expected):
        problem = f"its SHA-256 is {found}"
        raise ValueError(Errors.M027.format(path=path, problem=problem, how=": download it again"))


def read_weights(path: Path) -> Dict[str, torch.Tensor]:
    """Read a file of weights; nothing in it is executed.

    path (Path): A file of `torch.save`, or .safetensors.
    RETURNS (Dict[str, Tensor]): The state dict, on the CPU. Checkpoints of training, which hold
        it as "state_dict" or "model", and the prefix of data-parallel training are understood.
    RAISES (ValueError): If it cannot be read, or holds other things.
    """
    try:
        if path.suffix == ".safetensors":
            state = safetensors().torch.load_file(str(path), device="cpu")
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError:
        raise
    except Exception as err:  # pickle, zipfile, torch and safetensors each have their own
        reason = str(err).strip().split("\n")[0].split(". ")[0]
        problem = f"{type(err).__name__}: {reason}"
        raise ValueError(Errors.M101.format(path=path, problem=problem)) from err
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not state or not _is_state_dict(state):
        problem = "it holds something else than a state dict (tensors by name)"
        raise ValueError(Errors.M101.format(path=path, problem=problem))
    if all(key.startswith("module.") for key in state):
        # In place, as a state dict carries versions of its modules along.
        for key in list(state):
            state[key.removeprefix("module.")] = state.pop(key)
    return state


def load_weights(
    network: nn.Module, state: Dict[str, torch.Tensor], *, path: Path, model: str
) -> None:
    """Give a network its weights, all of them and no others.

    network (nn.Module): The network.
    state (Dict[str, Tensor]): The state dict.
    path (Path): Where it comes from, for messages.
    model (str): The network's name, for messages.
    RAISES (ValueError): If they do not fit, with the names of what does not.
    """
    try:
        keys = network.load_state_dict(state, strict=False)
    except RuntimeError as err:
        raise mismatch(path, model, err) from err
    # Files from before PyTorch 0.4.1 lack the counters of batch normalization, which nothing reads.
    missing = [key for key in keys.missing_keys if not key.endswith("num_batches_tracked")]
    problems = [("missing", missing), ("not known to the network", keys.unexpected_keys)]
    if any(names for _, names in problems):
        problem = "; ".join(f"{_list(names)} {what}" for what, names in problems if names)
        raise ValueError(Errors.M102.format(path=path, model=model, problem=problem))


def mismatch(path: Path, model: str, error: Exception) -> ValueError:
    """Put what PyTorch says about weights that do not fit into an error of ours.

    path (Path): The file.
    model (str): The network's name.
    error (Exception): What `load_state_dict` raised.
    RETURNS (ValueError): The error.
    """
    lines = [line.strip().rstrip(".") for line in str(error).splitlines()]
    problem = "; ".join(line[:300] for line in lines[1:4]) or lines[0]
    if len(lines) > 4:
        problem += f"; and {len(lines) - 4} more"
    return ValueError(Errors.M102.format(path=path, model=model, problem=problem))


def safetensors() -> Any:
    """RETURNS (ModuleType): The package safetensors, with its sub-modules for NumPy and torch.
    RAISES (ImportError): If it is not installed."""
    try:
        import safetensors.torch
    except ImportError as err:
        raise missing_package("Reading .safetensors", "safetensors", "safetensors") from err
    return safetensors


def _is_state_dict(state: Dict[Any, Any]) -> bool:
    return all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in state.items())


def _list(names: List[str]) -> str:
    return f"{len(names)} keys ({listed(names)})"
