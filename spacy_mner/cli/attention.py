"""`python -m spacy mner attention`"""

from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Sequence

import spacy
from spacy.cli._util import import_code, setup_gpu
from wasabi import Printer

from ..errors import Errors
from ..experiments.attention import attend, choose_posts, describe_attention, weight_range
from ..experiments.attention_groups import weights_table
from ..experiments.captions import read_captions
from ..experiments.outputs import write_outputs
from ..extensions import set_extensions
from ..pictures import Condition
from ..training.spacy_files import read_examples
from ..visualization.heatmap import draw_heatmaps
from ..visualization.plots import load_pyplot, save_figure
from ._experiment import CaptionsOption, DataArg, OutputArg, print_files, print_table
from ._output import fail_on_coded_errors
from ._util import Arg, CodeOption, GpuOption, Opt, command_line, mner_cli
from .evaluate import ImagesChoice


@mner_cli.command("attention")
def attention_cli(
    model: Annotated[str, Arg(help="Trained pipeline with modality attention")],
    data_path: DataArg,
    output_dir: OutputArg,
    ids: Annotated[
        Optional[str],
        Opt("--ids", help="Posts to draw, by image id or number, with commas between"),
    ] = None,
    n: Annotated[
        int,
        Opt(
            "--confident",
            "-n",
            help="Draw so many of the most confident right and wrong posts",
            min=1,
        ),
    ] = 4,
    images: Annotated[ImagesChoice, Opt("--images", "-i", help="Pictures: on, off or shuffled")] = (
        ImagesChoice.on
    ),
    captions: CaptionsOption = None,
    use_gpu: GpuOption = -1,
    code_path: CodeOption = None,
) -> None:
    """
    Which modality does the model listen to? Heat maps as in Figure 3 (Moon et al. 2018).

    A column a token, a row a modality: the darker, the more it counts. Below stand the gold tags and
    the predicted ones. A table says how much each modality counts on words with a vector, on unknown
    and on oddly spelled ones, … of all posts. Without --ids, the posts drawn are those whose
    entities the model is surest of: right ones first, then wrong ones.

    Example: python -m spacy mner attention training/sample/runs/wcv-attention/seed-0
    corpus/sample/test.spacy metrics/sample/attention --ids 7,12
    """
    import_code(code_path)
    with fail_on_coded_errors():
        setup_gpu(use_gpu, silent=False)
        attention(
            model,
            data_path,
            output_dir,
            ids=[part.strip() for part in (ids or "").split(",") if part.strip()],
            n=n,
            images=images.value,
            captions=captions,
            command=command_line(),
            silent=False,
        )


def attention(
    model: str,
    data_path: Path,
    output_dir: Path,
    *,
    ids: Sequence[str] = (),
    n: int = 4,
    images: Condition = "on",
    captions: Optional[Path] = None,
    command: str = "",
    silent: bool = True,
) -> List[Dict[str, Any]]:
    """Draw the modality weights of posts as HTML, PNG and SVG in `output_dir`, and sum up those of all.

    model (str): name or path of the pipeline.
    data_path (Path): the posts.
    output_dir (Path): for the figures and the page.
    ids (Sequence[str]): image ids or numbers of posts (1 is the first).
    n (int): without ids: so many right and so many wrong posts.
    images (Condition): pictures.
    captions (Optional[Path]): JSON file, see `read_captions`.
    command (str): makes it again.
    silent (bool): print nothing.
    RETURNS (List[Dict[str, Any]]): what was drawn, see `visualization/heatmap.py`.
    RAISES (ValueError): M061 without posts, M126 for an unknown id, M127 without modality attention,
        M147 if there is nothing to draw.
    RAISES (ImportError): M107 without matplotlib.
    """
    # Before anything that takes long.
    load_pyplot()
    msg = Printer(no_print=silent, pretty=not silent)
    set_extensions()
    described = read_captions(captions)
    nlp = spacy.load(model)
    examples = read_examples(nlp, data_path)
    attended = attend(nlp, examples, images=images)
    chosen = choose_posts(attended, ids=ids, n=n, source=data_path)
    if not chosen:
        raise ValueError(Errors.M147.format(path=data_path))
    posts = [describe_attention(post, described) for post in chosen]
    low, high = weight_range(posts)
    figures = save_figure(draw_heatmaps(posts, low=low, high=high), output_dir / "attention")
    note = (
        f"A column a token, a row a modality. Weights from {low:.2f} (white) to {high:.2f} (dark); those of "
        "a token add up to 1. A missing modality has weight 0."
    )
    tables = {"attention-weights": weights_table(attended)} if attended else {}
    block = {"type": "heatmaps", "note": note, "posts": posts, "low": low, "high": high}
    files = write_outputs(
        output_dir,
        "attention",
        "Which modality the model listens to",
        text=[f"Pipeline {model}, pictures {images}."],
        tables=tables,
        blocks=[block],
        command=command,
    )
    for table in tables.values():
        print_table(msg, table)
    print_files(msg, [*figures, *files])
    return posts
