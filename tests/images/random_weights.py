"""Files of weights for tests: random numbers, since nothing may be downloaded."""

import atexit
import json
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)
TINY_CLIP = "spacy-mner-tiny"


def randomize(network: nn.Module, seed: int = 0) -> nn.Module:
    """Weights that keep the scale of their input, statistics of batches, and a classifier that is
    not zero: with what PyTorch starts from, all pictures look alike at the end of a deep network."""
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor, mean, std):
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * std + mean)

    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                normal(module.weight, 0.0, (2 / module.weight[0].numel()) ** 0.5)
            elif isinstance(module, nn.BatchNorm2d):
                normal(module.running_mean, 0.0, 0.1)
                module.running_var.copy_(
                    1 + torch.rand(module.running_var.shape, generator=generator)
                )
    return network.eval()


def torchvision_network(model: str) -> Any:
    """The whole classifier, as torchvision builds it for its own weights."""
    models = pytest.importorskip("torchvision.models")
    own = {"googlenet", "inception_v3"}
    options = {"init_weights": False, "transform_input": True} if model in own else {}
    return randomize(models.get_model(model, weights=None, **options))


@lru_cache
def torchvision_file(model: str) -> str:
    path = Path(FOLDER.name, f"{model}.pth")
    torch.save(torchvision_network(model).state_dict(), path)
    return str(path)


def timm_network(model: str) -> Any:
    timm = pytest.importorskip("timm", reason="needs the extra 'timm'")
    return randomize(timm.create_model(model, pretrained=False))


@lru_cache
def timm_file(model: str) -> str:
    safetensors = pytest.importorskip("safetensors.torch")
    path = Path(FOLDER.name, f"{model}.safetensors")
    safetensors.save_file(timm_network(model).state_dict(), path)
    return str(path)


def clip_network(model: str) -> Any:
    open_clip = pytest.importorskip("open_clip", reason="needs the extra 'open_clip'")
    if model == TINY_CLIP and model not in open_clip.list_models():
        text = {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1}
        vision = {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16}
        config = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}
        path = Path(FOLDER.name, f"{model}.json")
        path.write_text(json.dumps(config))
        open_clip.add_model_config(path)
    torch.manual_seed(0)
    return open_clip.create_model(model, load_weights=False, pretrained_text=False).eval()


@lru_cache
def clip_file(model: str) -> str:
    path = Path(FOLDER.name, f"{model}.pt")
    torch.save(clip_network(model).state_dict(), path)
    return str(path)
