"""`python -m spacy mner ablate`"""

from pathlib import Path
from typing import Annotated, Any, Dict, List

import spacy
from spacy.cli._util import import_code, setup_gpu
from wasabi import Printer

from ..experiments.ablation import ablate as ablate_pipeline
from ..experiments.comparison import read_runs
from ..experiments.outputs import write_outputs
from ..experiments.tables import ablation_table
from ..extensions import set_extensions
from ..training.spacy_files import read_examples
from ..visualization.plots import load_pyplot
from ._experiment import DataArg, OutputArg, print_files, print_table
from ._output import fail_on_coded_errors
from ._util import Arg, CodeOption, GpuOption, Opt, command_line, mner_cli


@mner_cli.command("ablate")
def ablate_cli(
    model: Annotated[
        Path,
        Arg(help="Trained pipeline, or a folder with several, one a seed", exists=True),
    ],
    data_path: DataArg,
    output_dir: OutputArg,
    seed: Annotated[int, Opt("--seed", help="Seed of the exchange of pictures")] = 0,
    use_gpu: GpuOption = -1,
    code_path: CodeOption = None,
) -> None:
    """
    What is each modality worth at test time?

    Scores a trained pipeline with everything, without pictures, with the pictures of other posts,
    with all word vectors missing, and with all characters missing. Where the model was trained
    without such posts, part of the loss is that it does not know them.

    Example: python -m spacy mner ablate training/sample/mner corpus/sample/test.spacy
    metrics/sample/ablate
    """
    import_code(code_path)
    with fail_on_coded_errors():
        setup_gpu(use_gpu, silent=False)
        ablate(model, data_path, output_dir, seed=seed, command=command_line(), silent=False)


def ablate(
    model: Path,
    data_path: Path,
    output_dir: Path,
    *,
    seed: int = 0,
    command: str = "",
    silent: bool = True,
) -> List[Dict[str, Dict[str, Any]]]:
    """Score pipelines with one thing missing at a time, and write the table to `output_dir`.

    model (Path): a pipeline, or a folder with several; results of runs are taken as they are.
    data_path (Path): the scored posts.
    output_dir (Path): for the table and the page.
    seed (int): of the exchange of pictures.
    command (str): makes it again.
    silent (bool): print nothing.
    RETURNS (List[Dict[str, Dict[str, Any]]]): see `experiments.ablation.ablate`, one a pipeline.
    RAISES (ValueError): M061 if there are no posts, M120 if a result is from other posts, M123 without a
        pipeline, M146 for results of several systems.
    """
    # Before anything that takes long.
    load_pyplot()
    msg = Printer(no_print=silent, pretty=not silent)
    set_extensions()
    results = []
    for path, run in read_runs(model, data_path).items():
        if run is not None:
            results.append(run["ablation"])
            continue
        nlp = spacy.load(path)
        examples = read_examples(nlp, data_path)
        results.append(ablate_pipeline(nlp, examples, seed=seed, progress=not silent))
    table = ablation_table(results, subject=model.name)
    files = write_outputs(
        output_dir,
        "ablate",
        f"What each modality is worth: {model.name}",
        tables={"ablate": table},
        command=command,
    )
    print_table(msg, table)
    print_files(msg, files)
    return results
