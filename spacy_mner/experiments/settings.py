"""Changes of a training config: single settings, the number of steps, where the data are."""

from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from thinc.api import Config

from ..errors import Errors

# Updates where a config says nothing that is independent of the dev data: at the paper's batch size of 10,
# ten passes over 4,000 posts.
DEFAULT_STEPS = 4000
READER = "spacy_mner.Corpus.v1"


def change(config: Config, settings: Mapping[str, Any]) -> Config:
    """A copy of a config with other settings.

    config (Config): not interpolated.
    settings (Mapping[str, Any]): dotted path -> value; a dict replaces a whole block, and None is null.
    RETURNS (Config): the copy.
    RAISES (ValueError): M122 where there is no such section.
    """
    config = config.copy()
    for path, value in settings.items():
        *sections, name = path.split(".")
        block: Any = config
        for i, section in enumerate(sections):
            block = block.get(section)
            if not isinstance(block, dict):
                missing = ".".join(sections[: i + 1])
                raise ValueError(Errors.M122.format(path=path, section=missing))
        block[name] = dict(value) if isinstance(value, Mapping) else value
    return config


def find_steps(config: Config) -> int:
    """The number of updates of a config that does not stop early: that of its learning rate's schedule,
    or `max_steps`; where training would go on until the dev score stops rising, `DEFAULT_STEPS`."""
    training = config.interpolate()["training"]
    rate = training["optimizer"].get("learn_rate")
    if isinstance(rate, dict) and "total_steps" in rate:
        return int(rate["total_steps"])
    if training.get("max_steps") and not training.get("patience"):
        return int(training["max_steps"])
    return DEFAULT_STEPS


def set_steps(config: Config, steps: int, *, early_stopping: bool) -> Config:
    """Make training end after so many updates.

    config (Config): not interpolated.
    steps (int): number of updates; a learning rate that falls to zero does so within them.
    early_stopping (bool): whether training may end before, by the config's own rule. If not, the dev data
        are looked at once, before anything was learnt: nothing depends on them.
    RETURNS (Config): a copy.
    """
    settings: Dict[str, Any] = {"training.max_steps": steps, "training.max_epochs": 0}
    if not early_stopping:
        settings.update({"training.patience": 0, "training.eval_frequency": steps + 1})
    config = change(config, settings)
    rate = config["training"]["optimizer"].get("learn_rate")
    if isinstance(rate, dict) and "total_steps" in rate:
        rate["total_steps"] = steps
    return config


def check_readers(config: Config) -> None:
    """Check that pictures can be left out and exchanged.

    config (Config): not interpolated.
    RAISES (ValueError): M138 for another reader than ours.
    """
    for name in ("train", "dev"):
        found = config.get("corpora", {}).get(name, {}).get("@readers")
        if found is not None and found != READER:
            raise ValueError(Errors.M138.format(name=name, found=found))


def set_data(
    config: Config, *, train: Path, dev: Path, vectors: Optional[str], dev_limit: int = 0
) -> Config:
    """Fill in where the data are.

    dev_limit (int): read so many posts of the dev data; 0 = all.
    RETURNS (Config): a copy.
    """
    settings: Dict[str, Any] = {
        "paths.train": str(train),
        "paths.dev": str(dev),
        "paths.vectors": vectors,
        # A config may have said it here, and not under [paths].
        "corpora.train.path": str(train),
        "corpora.dev.path": str(dev),
        "initialize.vectors": vectors,
    }
    if dev_limit:
        settings["corpora.dev.limit"] = dev_limit
    return change(config, settings)
