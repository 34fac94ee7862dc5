"""`python -m spacy mner when-images-help`"""

from pathlib import Path
from typing import Annotated, List, Optional

import spacy
from spacy.cli._util import import_code, setup_gpu
from wasabi import Printer

from ..experiments.captions import read_captions
from ..experiments.outputs import write_outputs
from ..experiments.when_images_help import (
    ChangedPost,
    change_blocks,
    counts_table,
    find_changes,
)
from ..extensions import set_extensions
from ..training.spacy_files import read_examples
from ..visualization.plots import load_pyplot
from ._experiment import (
    CaptionsOption,
    DataArg,
    OutputArg,
    print_files,
    print_table,
)
from ._output import fail_on_coded_errors
from ._util import Arg, CodeOption, GpuOption, Opt, command_line, mner_cli


@mner_cli.command("when-images-help")
def when_images_help_cli(
    with_picture: Annotated[str, Arg(help="Pipeline that was trained with pictures")],
    without: Annotated[str, Arg(help="Pipeline that was trained without")],
    data_path: DataArg,
    output_dir: OutputArg,
    captions: CaptionsOption = None,
    limit: Annotated[int, Opt("--limit", help="Posts for each type and outcome", min=1)] = 10,
    use_gpu: GpuOption = -1,
    code_path: CodeOption = None,
) -> None:
    """
    When do images help? Table 2 (Moon et al. 2018) from two trained pipelines.

    Lists the posts that the picture fixes and those that it breaks, by entity type: gold, both
    predictions, what is in the picture, and the modality weights. The most telling come first: those
    where the picture changes the probability of the right answer most.

    Example: python -m spacy mner when-images-help training/sample/runs/wcv-attention/seed-0
    training/sample/runs/wc-attention/seed-0 corpus/sample/test.spacy
    metrics/sample/when-images-help
    """
    import_code(code_path)
    with fail_on_coded_errors():
        setup_gpu(use_gpu, silent=False)
        when_images_help(
            with_picture,
            without,
            data_path,
            output_dir,
            captions=captions,
            limit=limit,
            command=command_line(),
            silent=False,
        )


def when_images_help(
    with_picture: str,
    without: str,
    data_path: Path,
    output_dir: Path,
    *,
    captions: Optional[Path] = None,
    limit: int = 10,
    command: str = "",
    silent: bool = True,
) -> List[ChangedPost]:
    """Compare two pipelines post by post; write counts and posts to `output_dir`.

    with_picture, without (str): names or paths of the pipelines.
    data_path (Path): the scored posts.
    output_dir (Path): for the table, the Markdown file and the page.
    captions (Optional[Path]): JSON file, see `read_captions`.
    limit (int): posts for each type and outcome.
    command (str): makes it again.
    silent (bool): print nothing.
    RETURNS (List[ChangedPost]): all posts on which the two differ.
    RAISES (ValueError): M061 if there are no posts, M129 for a file of captions that cannot be read.
    RAISES (ImportError): M107 without matplotlib.
    """
    # Before anything that takes long.
    load_pyplot()
    msg = Printer(no_print=silent, pretty=not silent)
    set_extensions()
    described = read_captions(captions)
    seeing, blind = spacy.load(with_picture), spacy.load(without)
    examples = read_examples(seeing, data_path)
    # The same posts in the vocab of the other pipeline, so that nothing is shared between the two.
    posts = find_changes(seeing, blind, examples, read_examples(blind, data_path))
    table = counts_table(posts, examples)
    files = write_outputs(
        output_dir,
        "when-images-help",
        "When do images help?",
        text=[f"With pictures: {with_picture}. Without: {without}."],
        tables={"when-images-help": table},
        blocks=change_blocks(posts, described, limit=limit),
        command=command,
    )
    print_table(msg, table)
    print_files(msg, files)
    return posts
