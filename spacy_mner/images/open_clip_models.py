"""Image encoder `open_clip`: the image tower of any CLIP-like model of OpenCLIP, by name."""

import difflib
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

import torch
from torch import nn

from ..errors import Errors, check_choice, missing_package
from .preprocessing import Preprocessing, without_tensors
from .timm_models import hub_files
from .torch_encoder import TorchEncoder, build_quietly, width_of
from .weights import (
    check_digest,
    digest,
    from_hugging_face,
    from_url,
    mismatch,
    read_weights,
    user_file,
)

CACHE = "~/.cache/clip"  # where OpenCLIP keeps what does not come from Hugging Face


def create_open_clip_encoder(
    model: str,
    *,
    weights: Optional[str] = None,
    path: Optional[Union[str, Path]] = None,
    download: bool = False,
    regions: bool = False,
    device: Optional[str] = None,
) -> TorchEncoder:
    """Any model of OpenCLIP; it needs the extra `open_clip`. Nothing is loaded before the first use.

    model (str): Name of the model in OpenCLIP, e.g. "ViT-B-32".
    weights (Optional[str]): Tag of its weights, e.g. "laion2b_s34b_b79k", which also determines the
        preprocessing. Needed, unless there is a path.
    path (Optional[Union[str, Path]]): A checkpoint of the whole model to use instead of the cache's.
    download (bool): Whether to download weights that are not in the cache.
    regions (bool): The parts of the picture in place of one vector.
    device (Optional[str]): Name of a torch device. None: the device of Thinc's current ops.
    RETURNS (TorchEncoder): The encoder.
    """
    recipe = OpenClipRecipe(model, weights, None if path is None else str(path), download)
    return TorchEncoder(recipe, regions=regions, device=device)


@dataclass(frozen=True)
class OpenClipRecipe:
    """How to make an image tower of OpenCLIP.

    A picture's vector is its embedding in the space that it shares with texts (not normalized). Its
    regions are the tower's last feature map or patches, before the projection into that space.

    model (str): Name in OpenCLIP.
    weights (Optional[str]): Tag of the weights.
    path (Optional[str]): Checkpoint.
    download (bool): Whether weights may be downloaded.
    """

    model: str
    weights: Optional[str]
    path: Optional[str]
    download: bool

    name = "open_clip"

    def settings(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): Network, hash of the weights, preprocessing."""
        return {
            "model": self.model,
            "weights": digest(self.file()),
            "quick_gelu": self._quick_gelu(),
            **self.preprocessing().description,
        }

    def preprocessing(self) -> Preprocessing:
        """RETURNS (Preprocessing): OpenCLIP's transform for these weights up to the tensor."""
        transform = import_open_clip().transform
        size = self._config()["vision_cfg"]["image_size"]
        options = transform.merge_preprocess_dict(transform.PreprocessCfg(size=size), self._entry())
        config = transform.PreprocessCfg(**options)
        _, height, width = config.input_size
        return Preprocessing(
            resize=without_tensors(transform.image_transform_v2(config, is_train=False)),
            size=(height, width),
            at_least=max(height, width),
            mean=config.mean,
            std=config.std,
            keeps_centre=config.resize_mode == "shortest",
            description={
                "size": [height, width],
                "interpolation": config.interpolation,
                "resize_mode": config.resize_mode,
                "mean": list(config.mean),
                "std": list(config.std),
            },
        )

    def width(self, regions: bool) -> int:
        """RETURNS (int): D."""
        return width_of(self, regions)

    def load(self) -> "OpenClipBackbone":
        """RETURNS (OpenClipBackbone): The image tower with its weights."""
        file = self.file()
        if self.path is None:
            check_digest(file)
        read_weights(file)  # says what is wrong with a file that is no state dict
        try:
            network = build_quietly(lambda: self._build(pretrained=str(file), weights_only=True))
        except (RuntimeError, KeyError) as err:
            raise mismatch(file, self.model, err) from err
        return OpenClipBackbone(network)

    def skeleton(self) -> "OpenClipBackbone":
        """RETURNS (OpenClipBackbone): The image tower with random weights."""
        return OpenClipBackbone(self._build(load_weights=False))

    def file(self) -> Path:
        """RETURNS (Path): The file of weights."""
        if self.path is not None:
            return user_file(self.path)
        entry = self._entry()
        if entry.get("hf_hub"):
            repo, _, name = entry["hf_hub"].rpartition("/")
            # The towers of timm's repositories are there for OpenCLIP under its own name.
            files = hub_files(name or "open_clip_pytorch_model.bin")
            return from_hugging_face(repo, files, model=self.model, download=self.download)
        url = entry["url"]
        path = Path(CACHE).expanduser() / url.rsplit("/", 1)[-1]
        return from_url(url, model=self.model, download=self.download, path=path)

    def _config(self) -> Dict[str, Any]:
        open_clip = import_open_clip()
        known = open_clip.list_models()
        if self.model not in known:
            similar = ", ".join(difflib.get_close_matches(self.model, known, n=5) or known)
            message = Errors.M104.format(model=self.model, library="OpenCLIP", similar=similar)
            raise ValueError(message)
        config: Dict[str, Any] = open_clip.get_model_config(self.model)
        return config

    def _entry(self) -> Dict[str, Any]:
        """OpenCLIP's description of the weights; empty for a checkpoint without a tag."""
        self._config()
        open_clip = import_open_clip()
        tags = open_clip.list_pretrained_tags_by_model(self.model)
        if self.weights is None:
            if self.path is not None:
                return {}
            options = ", ".join(("path", *(f"weights={tag}" for tag in tags)))
            message = Errors.M110.format(name=self.name, option="weights", options=options)
            raise ValueError(message)
        check_choice(f"set of weights for '{self.model}'", self.weights, tags or ["none"])
        return dict(open_clip.get_pretrained_cfg(self.model, self.weights))

    def _quick_gelu(self) -> bool:
        """Whether the activation is the approximation that these weights were trained with."""
        own = bool(self._config().get("quick_gelu", False))
        return bool(self._entry().get("quick_gelu", False)) or own

    def _check_network(self) -> None:
        """Refuse what would ask the network without leave: text towers of `transformers`."""
        tower = self._config().get("text_cfg", {}).get("hf_model_name")
        if tower is None or self.download:
            return
        from huggingface_hub import constants

        if not constants.HF_HUB_OFFLINE:
            raise ValueError(Errors.M113.format(model=self.model, tower=tower))

    def _build(self, **options: Any) -> nn.Module:
        self._check_network()
        # The package reports on the root logger, and warns of random weights where they are meant.
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = import_open_clip().create_model(
                    self.model,
                    force_quick_gelu=self._quick_gelu(),
                    pretrained_image=False,
                    pretrained_text=False,
                    **options,
                )
        finally:
            logging.disable(before)
        visual: nn.Module = model.visual
        return visual


class OpenClipBackbone:
    """The image tower of a model of OpenCLIP. It classifies nothing, so that there are no tags.

    network (nn.Module): The tower.
    """

    def __init__(self, network: Any) -> None:
        self.module: Any = network
        self.labels: Optional[List[str]] = None

    def pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): (B, D), the embedding."""
        output = self.module(pixels)
        # CoCa's towers also return the tokens that its captions are made from.
        embedding: torch.Tensor = output[0] if isinstance(output, tuple) else output
        return embedding

    def grid(self, pixels: torch.Tensor) -> Optional[torch.Tensor]:
        """RETURNS (Optional[Tensor]): (B, R, D'), the last feature map or patches."""
        if getattr(self.module, "output_tokens", False):
            tokens: torch.Tensor = self.module(pixels)[1]
            return tokens
        if not hasattr(self.module, "forward_intermediates"):
            return None
        found = self.module.forward_intermediates(
            pixels, indices=1, intermediates_only=True, normalize_intermediates=True
        )
        features: torch.Tensor = found["image_intermediates"][-1]
        return features.flatten(2).transpose(1, 2)

    def logits(self, pixels: torch.Tensor) -> Optional[torch.Tensor]:
        """RETURNS (None): There is no classifier."""
        return None


def import_open_clip() -> Any:
    """RETURNS (ModuleType): OpenCLIP. RAISES (ImportError): If it is not installed."""
    try:
        import open_clip
    except ImportError as err:
        what = "The image encoder 'open_clip'"
        raise missing_package(what, "open_clip_torch", "open_clip") from err
    return open_clip
