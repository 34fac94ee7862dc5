"""The parts of a sentence encoder as `transformers` reads them: from files, running no code of theirs."""

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import torch
from torch import nn
from torch.nn import functional as F

from ..errors import Errors, listed, missing_package
from .sentence_folder import weight_files
from .torch_encoder import build_quietly
from .weights import mismatch, read_weights

# What never asks the hub for anything, nor runs Python files that lie in the folder.
SAFE = {"local_files_only": True, "trust_remote_code": False}


def read_config(folder: Path) -> Any:
    """Read the description of a network.

    folder (Path): The folder.
    RETURNS (PretrainedConfig): The description.
    RAISES (ImportError): If `transformers` is not installed.
    RAISES (ValueError): If it is not that of an encoder.
    """
    auto = import_transformers().AutoConfig
    config = _read(folder, lambda: auto.from_pretrained(folder, **SAFE))
    if config.is_encoder_decoder:
        problem = f"a network of the type '{config.model_type}' is an encoder and a decoder"
        raise ValueError(Errors.M135.format(path=folder, problem=problem))
    if not isinstance(getattr(config, "hidden_size", None), int):
        problem = f"a network of the type '{config.model_type}' gives no vectors of a single width"
        raise ValueError(Errors.M135.format(path=folder, problem=problem))
    return config


def read_tokenizer(folder: Path) -> Any:
    """Read a tokenizer.

    folder (Path): The folder.
    RETURNS (PreTrainedTokenizerBase): The tokenizer.
    RAISES (ValueError): If it cannot be read, or cannot fill up short texts.
    """
    auto = import_transformers().AutoTokenizer
    tokenizer = _read(folder, lambda: auto.from_pretrained(folder, **SAFE))
    if tokenizer.pad_token_id is None:
        problem = "its tokenizer has no token to fill up short texts with (pad_token)"
        raise ValueError(Errors.M135.format(path=folder, problem=problem))
    # Once per process it advises to tokenize whole batches; bad captions must be found one by one.
    tokenizer.deprecation_warnings["Asking-to-pad-a-fast-tokenizer"] = True
    return tokenizer


def read_network(folder: Path, config: Any) -> nn.Module:
    """Read a network with its weights, all that its last hidden layer needs.

    Weights are read as those of all encoders: .safetensors, or .bin with `weights_only`.

    folder (Path): The folder.
    config (PretrainedConfig): From `read_config`.
    RETURNS (nn.Module): On the CPU, in evaluation mode, frozen, in float32.
    RAISES (ValueError): If the weights cannot be read or do not fit.
    """
    mapping = import_transformers().MODEL_MAPPING
    if type(config) not in mapping:
        problem = f"transformers has no network of the type '{config.model_type}'"
        raise ValueError(Errors.M135.format(path=folder, problem=problem))
    kind: Any = mapping[type(config)]
    files = weight_files(folder)
    state: Dict[str, torch.Tensor] = {}
    for file in files:
        state.update(read_weights(file))
    options = {"config": config, "state_dict": state, "output_loading_info": True}
    try:
        with _quiet():
            network, info = build_quietly(lambda: kind.from_pretrained(None, **options))
    except (RuntimeError, KeyError) as err:
        raise mismatch(files[0], config.model_type, err) from err
    # The pooler makes something else of the last hidden layer, and many files leave it out.
    missing = sorted(key for key in info["missing_keys"] if not key.startswith("pooler."))
    if missing:
        problem = f"{len(missing)} keys ({listed(missing)}) missing"
        message = Errors.M102.format(path=files[0], model=config.model_type, problem=problem)
        raise ValueError(message)
    frozen: nn.Module = network.float().eval().requires_grad_(False)
    return frozen


def max_tokens(config: Any, tokenizer: Any) -> int:
    """Say how many tokens the network has positions for.

    config (PretrainedConfig): From `read_config`.
    tokenizer (PreTrainedTokenizerBase): From `read_tokenizer`.
    RETURNS (int): Tokens of a text, with the special ones.
    """
    positions = getattr(config, "max_position_embeddings", None)
    if not positions:
        return int(tokenizer.model_max_length)
    # RoBERTa and its kin count positions from behind the padding's, which is 1.
    positions -= 2 if getattr(config, "pad_token_id", None) == 1 else 0
    return min(int(tokenizer.model_max_length), positions)


def pool(hidden: torch.Tensor, mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """Make one vector of length 1 from the vectors of a text's tokens.

    hidden (Tensor): (B, T, D).
    mask (Tensor): (B, T), 1 where there is a token and 0 where there is padding.
    pooling (str): "mean" of the tokens, or "cls": the first one.
    RETURNS (Tensor): (B, D).
    """
    if pooling == "cls":
        # Not always the first column: some tokenizers fill up in front.
        pooled = hidden[torch.arange(len(hidden), device=hidden.device), mask.argmax(dim=1)]
    else:
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * weights).sum(dim=1) / weights.sum(dim=1)
    return F.normalize(pooled, dim=1)


def import_transformers() -> Any:
    """RETURNS (ModuleType): transformers. RAISES (ImportError): If it is not installed."""
    try:
        import transformers
    except ImportError as err:
        what = "The image encoder 'sentences'"
        raise missing_package(what, "transformers", "transformers") from err
    return transformers


def _read(folder: Path, read: Callable[[], Any]) -> Any:
    try:
        with _quiet():
            return read()
    except Exception as err:  # OSError, ValueError, KeyError, or the tokenizers' own
        reason = str(err).strip().split("\n")[0][:300].rstrip(". ")
        problem = f"{type(err).__name__}: {reason}"
        raise ValueError(Errors.M135.format(path=folder, problem=problem)) from err


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the package from remarks about weights of the pooler, and from advice to train."""
    logging = import_transformers().utils.logging
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
