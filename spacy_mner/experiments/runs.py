"""One training run and its result: done once, and either whole or not there."""

import io
import os
import shutil
import socket
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from timeit import default_timer as timer
from typing import Any, Dict, Iterator, Optional, Sequence

import spacy
import srsly
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as train_nlp
from thinc.api import Config

from .. import about
from ..errors import Errors
from ..evaluation.evaluate import evaluate
from ..extensions import set_extensions
from ..hashing import hash_file, hash_values
from ..output import write_json
from ..pictures import Condition
from ..training.spacy_files import read_examples
from .ablation import ablate
from .fingerprint import hash_data, hash_paths, hash_transformer, hash_vectors
from .pipelines import count_parameters, known_share, write_thin_vectors
from .settings import change, check_readers, find_steps, set_data, set_steps
from .split import split_train
from .texts import Text, write_text

# Changes when the figures of a run would change for another reason than config and data.
PROTOCOL = 1
# Dev data of a run that stops at a fixed step: they decide nothing, but spaCy wants some.
_DEV_LIMIT = 8
# What runs have in common that are seeds of one system.
_IDENTITY = (
    *("row", "images", "text", "keep_vectors", "steps", "dev_fraction", "train_sha", "test_sha"),
    *("vectors_sha", "config_sha", "code_sha", "paths_sha"),
)
# In a kept pipeline: what its run depended on.
_RUN = "run.json"


@dataclass(frozen=True)
class Data:
    """What is trained on and scored.

    train, test (Path): `.spacy` files. Nothing is chosen on the test posts.
    vectors (Optional[str]): pipeline with word vectors.
    dev_fraction (float): share of the training posts that is kept for early stopping. 0: a fixed number
        of steps, and the last weights are scored.
    """

    train: Path
    test: Path
    vectors: Optional[str] = None
    dev_fraction: float = 0.0


@dataclass(frozen=True)
class Trial:
    """One config with one seed.

    name (str): names the folder of its results.
    config (Config): not interpolated; without seed and data.
    seed (int): of weights, batches, dropout, shuffled pictures and removed words.
    images (Condition): the pictures in training and in scoring.
    keep_vectors (float): share of the word vectors' words that stays, in training and in scoring.
    steps (Optional[int]): number of updates; None = the config's.
    text (Text): how the text is weakened, in training and in scoring.
    code (Optional[Path]): Python file that the config needs.
    """

    name: str
    config: Config
    seed: int = 0
    images: Condition = "on"
    keep_vectors: float = 1.0
    steps: Optional[int] = None
    text: Text = "plain"
    code: Optional[Path] = None


def run_trial(
    trial: Trial,
    data: Data,
    output: Path,
    *,
    model_dir: Optional[Path] = None,
    command: str = "",
    use_gpu: int = -1,
    progress: bool = False,
) -> Dict[str, Any]:
    """Train and score, or read the result of the same run.

    Everything happens in a temporary folder beside the result; what a killed run left there is removed
    by the next one.

    trial (Trial): what to train.
    data (Data): on which posts.
    output (Path): JSON file of the result. One of another config or other data is replaced.
    model_dir (Optional[Path]): where to keep the trained pipeline. It has a copy of the word vectors.
    command (str): makes the result again; stored with it.
    use_gpu (int): GPU id, or -1 for the CPU. spaCy's `setup_gpu` must have been called.
    progress (bool): show progress bars.
    RETURNS (Dict[str, Any]): row, seed, scores, counts per post, ablation, parameters, seconds, and what
        the run depends on.
    """
    identity = identify(trial, data)
    previous = read_result(output) if output.exists() else None
    done = previous is not None and previous["fingerprint"] == identity["fingerprint"]
    if previous is not None and done and _is_kept(model_dir, identity["fingerprint"]):
        return previous
    set_extensions()
    with _workplace(output) as folder:
        data = _weaken(trial, data, folder)
        nlp, parameters, seconds = _train(trial, data, folder, use_gpu=use_gpu, progress=progress)
        examples = read_examples(nlp, data.test)
        scores = evaluate(nlp, examples, trial.images, trial.seed, counts=True)
        for unwanted in ("speed", "posts_per_second", "examples", "seed", "images"):
            scores.pop(unwanted)
        result = {
            **identity,
            "command": command,
            "parameters": parameters,
            "seconds": round(seconds, 1),
            "known_tokens": known_share((eg.reference for eg in examples), nlp.vocab),
            "counts": scores.pop("counts"),
            "scores": scores,
            "ablation": ablate(nlp, examples, images=trial.images, seed=trial.seed),
        }
        if model_dir is not None:
            # The pipeline says which run it is from: results can be made anew without it.
            write_json(folder / "best" / _RUN, identity)
            shutil.rmtree(model_dir, ignore_errors=True)
            model_dir.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder / "best", model_dir)
        # In one line: six numbers for each post.
        write_json(output, result, indent=0)
    # As every later call reads it: JSON rounds floats.
    return read_result(output)


def identify(trial: Trial, data: Data) -> Dict[str, Any]:
    """What a run depends on, and the hash of it. Paths and devices are not among it."""
    steps = trial.steps or find_steps(trial.config)
    config = trial.config
    resolved = config.interpolate()
    transformer = resolved.get("paths", {}).get("transformer")
    if transformer:
        # The same weights in another folder give the same figures.
        config = change(config, {"paths.transformer": hash_transformer(transformer)})
    values = {
        "row": trial.name,
        "seed": trial.seed,
        "images": trial.images,
        "keep_vectors": trial.keep_vectors,
        "steps": steps,
        "dev_fraction": data.dev_fraction,
        "train_sha": hash_data(data.train),
        "test_sha": hash_data(data.test),
        "vectors_sha": hash_vectors(data.vectors),
        "config_sha": hash_values(config.to_str(interpolate=False)),
        "spacy_mner_version": about.__version__,
    }
    if trial.text != "plain":
        # Not among them otherwise, like what follows: results from before there was a choice stay valid.
        values["text"] = trial.text
    if trial.code is not None:
        values["code_sha"] = hash_file(trial.code)
    paths = hash_paths(resolved)
    if paths:
        values["paths_sha"] = paths
    # The name is no cause: the same run under another one gives the same figures.
    causes = {key: value for key, value in values.items() if key != "row"}
    return {**values, "fingerprint": hash_values(PROTOCOL, causes)}


def read_result(path: Path) -> Dict[str, Any]:
    """Read the result of a run.

    RAISES (ValueError): M124 if the file is of another make.
    """
    try:
        result = srsly.read_json(path)
    except (ValueError, OSError) as error:
        raise ValueError(Errors.M124.format(path=path, problem=error)) from error
    for key in ("row", "seed", "fingerprint", "scores", "counts", "test_sha"):
        if not isinstance(result, dict) or key not in result:
            raise ValueError(Errors.M124.format(path=path, problem=f"'{key}' is missing"))
    return result


def read_scored(path: Path, data: Path) -> Dict[str, Any]:
    """Read the result of a run that must be from these posts.

    RAISES (ValueError): M124 if the file is of another make, M120 if other posts were scored.
    """
    result = read_result(path)
    if result["test_sha"] != hash_data(data):
        raise ValueError(Errors.M120.format(problem=f"'{path}' was scored on another file"))
    return result


def read_origin(model: Path) -> Optional[Dict[str, Any]]:
    """What the run depended on that a kept pipeline is from: see `identify`. None for any other pipeline."""
    path = model / _RUN
    return srsly.read_json(path) if path.is_file() else None


def check_seeds(results: Sequence[Dict[str, Any]], path: Path) -> None:
    """Check that results are from runs that differ in their seed alone.

    results (Sequence[Dict[str, Any]]): see `run_trial`, or what `read_origin` says of kept pipelines.
    path (Path): where they are.
    RAISES (ValueError): M146 if they are not.
    """
    keys = [key for key in _IDENTITY if len({str(result.get(key)) for result in results}) > 1]
    if keys:
        raise ValueError(Errors.M146.format(path=path, keys=", ".join(keys)))


def build_config(trial: Trial, data: Data, folder: Path) -> Config:
    """The config that spaCy trains: the trial's with its seed, its data and its number of steps."""
    early = data.dev_fraction > 0
    train = dev = data.train
    if early:
        train, dev = split_train(data.train, folder / "split", data.dev_fraction)
    vectors = data.vectors
    if vectors is not None and trial.keep_vectors < 1:
        vectors = write_thin_vectors(
            vectors, folder / "vectors", trial.keep_vectors, seed=trial.seed
        )
    check_readers(trial.config)
    config = set_data(
        trial.config, train=train, dev=dev, vectors=vectors, dev_limit=0 if early else _DEV_LIMIT
    )
    steps = trial.steps or find_steps(trial.config)
    if early and trial.steps is None:
        # The config's own limit: early stopping needs room.
        steps = trial.config.interpolate()["training"]["max_steps"] or steps
    config = set_steps(config, steps, early_stopping=early)
    settings: Dict[str, Any] = {"system.seed": trial.seed}
    for corpus in ("train", "dev"):
        settings[f"corpora.{corpus}.images"] = trial.images
        settings[f"corpora.{corpus}.seed"] = trial.seed
    return change(config, settings)


def _train(
    trial: Trial, data: Data, folder: Path, *, use_gpu: int, progress: bool
) -> tuple[Any, int, float]:
    """RETURNS: the trained pipeline as it was saved, how many weights were trained, and the seconds of it."""
    config = build_config(trial, data, folder)
    logger = {"@loggers": "spacy.ConsoleLogger.v3", "progress_bar": "train" if progress else None}
    config = change(config, {"training.logger": logger})
    with warnings.catch_warnings():
        # Rows without pictures, or without words, are meant to be so.
        warnings.filterwarnings("ignore", message=r"\[MW00[12]\]")
        nlp = init_nlp(config, use_gpu=use_gpu)
        start = timer()
        stderr = sys.stderr if progress else io.StringIO()
        train_nlp(nlp, folder, use_gpu=use_gpu, stdout=io.StringIO(), stderr=stderr)
        seconds = timer() - start
    chosen = "model-best" if data.dev_fraction > 0 else "model-last"
    # Weights that are averaged are so on disk alone.
    (folder / chosen).rename(folder / "best")
    # Which weights are frozen is not saved.
    return spacy.load(folder / "best"), count_parameters(nlp), seconds


def _weaken(trial: Trial, data: Data, folder: Path) -> Data:
    """The data with the trial's text. Each seed misspells other words, and never train as test."""
    if trial.text == "plain":
        return data
    train = write_text(data.train, folder / "text/train.spacy", trial.text, seed=2 * trial.seed)
    test = write_text(data.test, folder / "text/test.spacy", trial.text, seed=2 * trial.seed + 1)
    return replace(data, train=train, test=test)


def _is_kept(model_dir: Optional[Path], wanted: str) -> bool:
    """Whether the pipeline of this very run is where it should be kept; also if it need not be."""
    if model_dir is None:
        return True
    return (read_origin(model_dir) or {}).get("fingerprint") == wanted


@contextmanager
def _workplace(output: Path) -> Iterator[Path]:
    """A folder beside the result that this process works in."""
    output.parent.mkdir(parents=True, exist_ok=True)
    # On a shared file system, only the host that a process runs on knows whether it does.
    prefix = f".{output.stem}.work-{socket.gethostname()}-"
    for left in output.parent.glob(f"{prefix}*"):
        if not _is_alive(left.name[len(prefix) :]):
            shutil.rmtree(left, ignore_errors=True)
    folder = output.parent / f"{prefix}{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: str) -> bool:
    if os.name == "nt":
        return True  # There, signal 0 is Ctrl-C.
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except OSError:
        # Another user's, or a system that has no such question.
        return True
    return True
