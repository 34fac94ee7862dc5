"""`python -m spacy mner evaluate`"""

import enum
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Sequence

import spacy
from spacy.cli._util import import_code, setup_gpu
from thinc.api import fix_random_seed
from wasabi import Printer

from .. import about
from ..evaluation.evaluate import evaluate as evaluate_examples
from ..evaluation.spans import collect_mentions
from ..extensions import set_extensions
from ..pictures import Condition
from ..training.spacy_files import read_docs, read_examples
from ._calibration_table import CALIBRATION_HEADER, calibration_row
from ._output import fail_on_coded_errors, write_json
from ._util import Arg, CodeOption, GpuOption, Opt, command_line, mner_cli


class ImagesChoice(str, enum.Enum):
    on = "on"
    off = "off"
    shuffled = "shuffled"


@mner_cli.command("evaluate")
def evaluate_cli(
    model: Annotated[str, Arg(help="Model name or path")],
    data_path: Annotated[Path, Arg(help="Evaluation data in .spacy format", exists=True)],
    images: Annotated[
        ImagesChoice,
        Opt(
            "--images",
            "-i",
            help="Whether each post has its picture (on), none has (off), or the pictures are "
            "exchanged (shuffled)",
        ),
    ] = ImagesChoice.on,
    seed: Annotated[int, Opt("--seed", help="Seed of the exchange of pictures")] = 0,
    train_path: Annotated[
        Optional[Path],
        Opt(
            "--train",
            "-t",
            help="Training data in .spacy format: scores seen and unseen mentions apart",
            exists=True,
        ),
    ] = None,
    output: Annotated[
        Optional[Path],
        Opt("--output", "-o", help="Output JSON file for metrics", dir_okay=False),
    ] = None,
    examples: Annotated[
        int,
        Opt(
            "--examples",
            help="Posts to store in the JSON file with gold and predicted entities; 0 for none",
            min=0,
        ),
    ] = 20,
    use_gpu: GpuOption = -1,
    code_path: CodeOption = None,
) -> None:
    """
    Evaluate a trained pipeline on posts with pictures.

    Prints precision, recall and F1 of entities with their type and of their boundaries alone,
    pooled over all entities (micro) and averaged over types (macro), per type, for posts with
    and without a picture and, given the training data, for seen and unseen mentions; and how far
    the entities' probabilities are from the truth (expected calibration error). The figures are
    those of `spacy evaluate`, whose keys (ents_p, ents_r, ents_f, ents_per_type) the JSON
    file has too. Run it three times, with --images on, off and shuffled, to learn what the
    pictures contribute.
    """
    import_code(code_path)
    with fail_on_coded_errors():
        evaluate(
            model,
            data_path,
            images=images.value,
            seed=seed,
            train_path=train_path,
            output=output,
            n_examples=examples,
            command=command_line(),
            use_gpu=use_gpu,
            silent=False,
        )


def evaluate(
    model: str,
    data_path: Path,
    *,
    images: Condition = "on",
    seed: int = 0,
    train_path: Optional[Path] = None,
    output: Optional[Path] = None,
    n_examples: int = 20,
    command: str = "",
    use_gpu: int = -1,
    silent: bool = True,
) -> Dict[str, Any]:
    """Load a pipeline and data, evaluate, print tables, write JSON.

    model (str): Name or path of the pipeline.
    data_path (Path): `.spacy` file, or a folder of them.
    images (str): "on", "off" or "shuffled".
    seed (int): Seed of the exchange of pictures.
    train_path (Optional[Path]): Training data, to tell seen from unseen mentions.
    output (Optional[Path]): JSON file.
    n_examples (int): Posts to store with their gold and predicted entities.
    command (str): Makes the figures again; written beside them.
    use_gpu (int): GPU id, or -1 for the CPU.
    silent (bool): Print nothing.
    RETURNS (Dict[str, Any]): The scores, see `spacy_mner.evaluation.evaluate.evaluate`.
    RAISES (ValueError): M061 if there are no posts in the data.
    """
    msg = Printer(no_print=silent, pretty=not silent)
    fix_random_seed()
    setup_gpu(use_gpu, silent=silent)
    set_extensions()
    nlp = spacy.load(model)
    examples = read_examples(nlp, data_path)
    scores = evaluate_examples(
        nlp,
        examples,
        images,
        seed,
        train_mentions=None if train_path is None else collect_mentions(read_docs(train_path)),
        n_examples=n_examples,
        progress=not silent,
    )
    scores["model"] = str(model)
    scores["data"] = str(data_path)
    scores["spacy_mner_version"] = about.__version__
    scores["command"] = command
    _print_scores(msg, scores)
    if output is not None:
        write_json(output, scores)
        msg.good(f"Saved results to {output}")
    return scores


def _print_scores(msg: Printer, scores: Dict[str, Any]) -> None:
    msg.divider(f"Entities (pictures {scores['images']})")
    msg.text(
        f"{scores['n_posts']} posts ({scores['n_with_image']} with a picture), "
        f"{scores['n_tokens']} tokens, {scores['n_entities']} entities; "
        f"{scores['posts_per_second']:.0f} posts and {scores['speed']:.0f} tokens per second"
    )
    rows = (
        ("typed, micro", "ents"),
        ("segmentation, micro", "ents_seg"),
        ("typed, macro", "ents_macro"),
    )
    msg.table(
        [(name, *_percent(scores, [f"{prefix}_{x}" for x in "prf"])) for name, prefix in rows],
        header=("", "P", "R", "F"),
        aligns=("l", *"rrr"),
        title="All posts",
    )
    per_type = scores["ents_per_type"] or {}
    msg.table(
        [(label, *_percent(per_type[label], ("p", "r", "f"))) for label in sorted(per_type)],
        header=("type", "P", "R", "F"),
        aligns=("l", *"rrr"),
        title="Per type",
    )
    parts = [("with_image", "with a picture"), ("without_image", "without a picture")]
    msg.table(
        [
            (
                name,
                scores[key]["n_posts"],
                scores[key]["n_entities"],
                *_percent(scores[key], ("ents_p", "ents_r", "ents_f", "ents_seg_f")),
            )
            for key, name in parts
            if scores[key]["n_posts"]
        ],
        header=("posts", "number", "entities", "P", "R", "F", "F segmentation"),
        aligns=("l", *"rrrrrr"),
        title="By picture",
    )
    if scores["seen"] is not None:
        msg.table(
            [
                (
                    f"{name} in training",
                    scores[name]["n_entities"],
                    *_percent(scores[name], ("ents_r", "ents_seg_r")),
                )
                for name in ("seen", "unseen")
            ],
            header=("mentions", "entities", "R", "R segmentation"),
            aligns=("l", *"rrr"),
            title="By mention",
        )
    if scores["calibration"] is not None:
        msg.table(
            [
                calibration_row(
                    f"{scores['calibration']['n_entities']} entities", scores["calibration"]
                )
            ],
            header=CALIBRATION_HEADER,
            aligns=("l", *"rrrrrr"),
            title="Probabilities of predicted entities",
        )


def _percent(scores: Dict[str, Any], keys: Sequence[str]) -> List[str]:
    return ["-" if scores[key] is None else f"{scores[key] * 100:.2f}" for key in keys]
