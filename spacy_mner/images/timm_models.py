"""Image encoder `timm`: any network of timm, by name."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

import torch
from torch import nn

from ..errors import Errors, missing_package
from .preprocessing import Preprocessing, without_tensors
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


def create_timm_encoder(
    model: str,
    *,
    path: Optional[Union[str, Path]] = None,
    download: bool = False,
    regions: bool = False,
    device: Optional[str] = None,
) -> TorchEncoder:
    """Any network of timm; it needs the extra `timm`. Nothing is loaded before the first use.

    model (str): Name of the network in timm, with the tag of its weights after a dot, e.g.
        "convnext_tiny.in12k_ft_in1k". They are looked up in Hugging Face's or torch.hub's cache.
    path (Optional[Union[str, Path]]): A checkpoint to use instead of the cache's.
    download (bool): Whether to download weights that are not in the cache.
    regions (bool): The parts of the picture in place of one vector.
    device (Optional[str]): Name of a torch device. None: the device of Thinc's current ops.
    RETURNS (TorchEncoder): The encoder.
    """
    recipe = TimmRecipe(model, None if path is None else str(path), download)
    return TorchEncoder(recipe, regions=regions, device=device)


@dataclass(frozen=True)
class TimmRecipe:
    """How to make a network of timm.

    A picture's vector is what the network's last layer would get (timm: `pre_logits`). Its regions
    are the last feature map, or the patches of a transformer. Preprocessing is timm's own for these
    weights, in evaluation.

    model (str): Name in timm.
    path (Optional[str]): Checkpoint.
    download (bool): Whether weights may be downloaded.
    """

    model: str
    path: Optional[str]
    download: bool

    name = "timm"

    def settings(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): Network, hash of the weights, preprocessing."""
        weights = digest(self.file())
        return {"model": self.model, "weights": weights, **self.preprocessing().description}

    def preprocessing(self) -> Preprocessing:
        """RETURNS (Preprocessing): timm's transform for these weights up to the tensor."""
        data = import_timm().data
        config = data.resolve_data_config(pretrained_cfg=self.entry().to_dict())
        _, height, width = config["input_size"]
        transform = data.create_transform(**config, is_training=False)
        return Preprocessing(
            resize=without_tensors(transform),
            size=(height, width),
            at_least=int(max(height, width) / config["crop_pct"]),
            mean=config["mean"],
            std=config["std"],
            keeps_centre=config["crop_mode"] == "center",
            description={
                key: list(value) if isinstance(value, tuple) else value
                for key, value in config.items()
            },
        )

    def width(self, regions: bool) -> int:
        """RETURNS (int): D."""
        return width_of(self, regions)

    def load(self) -> "TimmBackbone":
        """RETURNS (TimmBackbone): The network with its weights."""
        file = self.file()
        if self.path is None:
            check_digest(file)
        # timm knows how to bring older and foreign checkpoints into the form of its networks.
        overlay = {"state_dict": read_weights(file)}
        try:
            network = build_quietly(lambda: self._build(pretrained_cfg_overlay=overlay))
        except (RuntimeError, KeyError) as err:
            raise mismatch(file, self.model, err) from err
        return TimmBackbone(network, self._labels())

    def skeleton(self) -> "TimmBackbone":
        """RETURNS (TimmBackbone): The network with random weights."""
        return TimmBackbone(self._build(), None)

    def file(self) -> Path:
        """RETURNS (Path): The file of weights."""
        if self.path is not None:
            return user_file(self.path)
        entry = self.entry()
        if not entry.hf_hub_id:
            if not entry.url:
                message = Errors.M110.format(name=self.name, option="path", options="path")
                raise ValueError(message)
            return from_url(entry.url, model=self.model, download=self.download)
        repo, _, revision = entry.hf_hub_id.partition("@")
        return from_hugging_face(
            repo,
            hub_files(entry.hf_hub_filename),
            model=self.model,
            download=self.download,
            revision=revision or None,
        )

    def entry(self) -> Any:
        """RETURNS (PretrainedCfg): timm's description of the weights."""
        timm = import_timm()
        known = timm.list_models(pretrained=True) + timm.list_models()
        base = self.model.partition(".")[0]
        if self.model not in known:
            # A wrong tag is likelier than a wrong name where the name is right.
            tags = [name for name in known if name.startswith(f"{base}.")]
            similar = ", ".join(tags or difflib.get_close_matches(self.model, known, n=5))
            similar = similar or "none; timm.list_models() has all"
            message = Errors.M104.format(model=self.model, library="timm", similar=similar)
            raise ValueError(message)
        return timm.get_pretrained_cfg(self.model)

    def _build(self, **options: Any) -> nn.Module:
        pretrained = bool(options)
        network: nn.Module = import_timm().create_model(
            self.model, pretrained=pretrained, **options
        )
        return network

    def _labels(self) -> Optional[List[str]]:
        data, entry = import_timm().data, self.entry()
        if entry.label_names:
            return list(entry.label_names)
        subset = data.infer_imagenet_subset(entry.to_dict())
        if subset is None:
            return None
        info = data.ImageNetInfo(subset)
        names = (info.index_to_description(i) for i in range(info.num_classes()))
        return [name.partition(",")[0] for name in names]  # the first of its synonyms


class TimmBackbone:
    """A network of timm.

    network (nn.Module): The network.
    labels (Optional[List[str]]): Names of its classes.
    """

    def __init__(self, network: Any, labels: Optional[List[str]]) -> None:
        self.module: Any = network
        self.labels = labels

    def pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): (B, D), what the last layer would get."""
        features = self.module.forward_features(pixels)
        output: torch.Tensor = self.module.forward_head(features, pre_logits=True)
        return output

    def grid(self, pixels: torch.Tensor) -> Optional[torch.Tensor]:
        """RETURNS (Optional[Tensor]): (B, R, D'), the last feature map, or patches."""
        features = self.module.forward_features(pixels)
        if not isinstance(features, torch.Tensor) or features.dim() not in (3, 4):
            return None
        if features.dim() == 3:  # of a transformer; the first stand for the whole picture
            return features[:, getattr(self.module, "num_prefix_tokens", 0) :]
        if str(getattr(self.module, "output_fmt", "NCHW")) == "NHWC":
            return features.flatten(1, 2)
        return features.flatten(2).transpose(1, 2)

    def logits(self, pixels: torch.Tensor) -> Optional[torch.Tensor]:
        """RETURNS (Optional[Tensor]): (B, C), or None if nobody knows the names of the classes:
        the last layer is then a projection rather than a classifier."""
        if self.labels is None:
            return None
        output: torch.Tensor = self.module(pixels)
        return output


def hub_files(name: Optional[str]) -> List[str]:
    """Say which files of a repository hold weights.

    name (Optional[str]): The one that is known, if any.
    RETURNS (List[str]): It, and before it the same as safetensors.
    """
    if not name:
        return ["model.safetensors", "pytorch_model.bin"]
    special = {"open_clip_pytorch_model.bin": "open_clip_model.safetensors"}
    safe = special.get(name, str(Path(name).with_suffix(".safetensors")))
    return list(dict.fromkeys((safe, name)))


def import_timm() -> Any:
    """RETURNS (ModuleType): timm. RAISES (ImportError): If it is not installed."""
    try:
        import timm
        import timm.data
    except ImportError as err:
        raise missing_package("The image encoder 'timm'", "timm", "timm") from err
    return timm
