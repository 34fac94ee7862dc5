"""`python -m spacy mner ways-in`"""

from pathlib import Path
from typing import Annotated, Dict, List, Sequence, cast

from spacy.cli._util import setup_gpu
from wasabi import Printer

from ..errors import check_choice
from ..experiments.multi_seed import Result, run_seeds
from ..experiments.outputs import write_outputs
from ..experiments.runs import Data, Trial
from ..experiments.settings import change
from ..experiments.texts import TEXTS, TITLES, Text, read_lengths
from ..experiments.vocab_sensitivity import check_share
from ..experiments.ways import (
    SHORT,
    TEXT,
    choose_ways,
    run_name,
    short_posts,
    short_table,
    ways_table,
)
from ..pictures import Condition
from ..visualization.plots import load_pyplot
from ._experiment import (
    ConfigsOption,
    DevOption,
    FirstSeedOption,
    MetricsArg,
    SeedsOption,
    StepsOption,
    TestArg,
    TrainArg,
    VectorsOption,
    load_configs,
    print_files,
    print_table,
    report_progress,
)
from ._output import fail_on_coded_errors
from ._util import GpuOption, Opt, command_line, mner_cli


@mner_cli.command("ways-in")
def ways_in_cli(
    train_path: TrainArg,
    test_path: TestArg,
    metrics_dir: MetricsArg,
    vectors: VectorsOption = None,
    ways: Annotated[str, Opt("--ways", "-w", help="all, or names with commas between")] = "all",
    text: Annotated[
        str, Opt("--text", help="plain, lower (lower-cased) or noisy (typos, elongations)")
    ] = "plain",
    keep_vectors: Annotated[
        float,
        Opt("--keep-vectors", help="Share of the word vectors that stays", min=0.0, max=1.0),
    ] = 1.0,
    controls: Annotated[
        bool, Opt("--controls/--no-controls", help="Train on the pictures of other posts, too")
    ] = True,
    seeds: SeedsOption = 3,
    first_seed: FirstSeedOption = 0,
    steps: StepsOption = 0,
    dev_from_train: DevOption = 0.0,
    configs: ConfigsOption = Path("configs"),
    use_gpu: GpuOption = -1,
) -> None:
    """
    Compare the ways in which a picture can reach the tagger, with controls.

    Ways: recommended-text (no picture), recommended (evidence about the labels of the post), modality,
    modality-narrow, modality-regions, modality-gate, modality-concat, several. Each is trained on the
    posts' own pictures, and scored with them, with those of other posts, and without any; and
    trained again on the pictures of other posts. Where pictures pay when the text is weak: --text
    and --keep-vectors.

    Regions need data with several vectors a picture (spacy mner encode --regions); the other ways take
    their mean. What is done is not trained again.

    Example: python -m spacy mner ways-in corpus/sample/train.spacy corpus/sample/test.spacy
    metrics/sample --vectors corpus/vectors --text lower
    """
    with fail_on_coded_errors():
        setup_gpu(use_gpu, silent=False)
        ways_in(
            Data(train_path, test_path, vectors, dev_from_train),
            metrics_dir,
            ways=ways,
            text=text,
            keep_vectors=keep_vectors,
            controls=controls,
            seeds=range(first_seed, first_seed + seeds),
            steps=steps,
            configs=configs,
            command=command_line(),
            use_gpu=use_gpu,
            silent=False,
        )


def ways_in(
    data: Data,
    metrics_dir: Path,
    *,
    ways: str = "all",
    text: str = "plain",
    keep_vectors: float = 1.0,
    controls: bool = True,
    seeds: Sequence[int] = range(3),
    steps: int = 0,
    configs: Path = Path("configs"),
    command: str = "",
    use_gpu: int = -1,
    silent: bool = True,
) -> Dict[str, List[Result]]:
    """Train the ways in and write their tables, of all posts and of short ones, to `metrics_dir/ways-in`.

    data (Data): training data, scored posts and word vectors.
    metrics_dir (Path): results of the runs go to `runs/` below it.
    ways (str): see `choose_ways`.
    text (str): how the text is weakened: "plain", "lower" or "noisy".
    keep_vectors (float): share of the word vectors that stays.
    controls (bool): whether to train on the pictures of other posts, too.
    seeds (Sequence[int]): one run each.
    steps, configs, command, use_gpu, silent: as for `table1`.
    RETURNS (Dict[str, List[Result]]): results by the way's name, one a seed.
    RAISES (ValueError): M131 for a way, M006 for a text that is not known, M139 for a share of the vectors
        that cannot be had.
    RAISES (ImportError): M107 without matplotlib.
    """
    check_choice("text", text, TEXTS)
    check_share(keep_vectors, data)
    load_pyplot()
    msg = Printer(no_print=silent, pretty=not silent)
    chosen = choose_ways(ways)
    base = load_configs(configs, ["mner"])["mner"]
    runs: Dict[str, List[Result]] = {}
    shuffled: Dict[str, List[Result]] = {}
    for row in chosen:
        config = change(base, row.settings)
        for of_others, results in ((False, runs), (True, shuffled)):
            if of_others and (row.name == TEXT or not controls):
                continue
            name = run_name(row.name, shuffled=of_others, text=text, keep=keep_vectors)
            images: Condition = "shuffled" if of_others else row.images
            results[row.name] = run_seeds(
                Trial(
                    name,
                    config,
                    images=images,
                    keep_vectors=keep_vectors,
                    steps=steps or None,
                    text=cast(Text, text),
                ),
                seeds,
                data,
                metrics_dir,
                command=command,
                use_gpu=use_gpu,
                progress=not silent,
            )
            report_progress(msg, name, results[row.name])
    weak = TITLES[text] if keep_vectors == 1 else f"{100 * keep_vectors:g} % of the word vectors"
    short = short_posts(read_lengths(data.test))
    table = ways_table(runs, shuffled, short, title=f"Ways in for the picture; text: {weak}")
    tables = {"ways-in": table}
    if short:
        tables["short-posts"] = short_table(
            runs, shuffled, short, title=f"Posts of at most {SHORT} tokens; text: {weak}"
        )
    folder = metrics_dir / run_name("ways-in", text=text, keep=keep_vectors)
    files = write_outputs(folder, "ways-in", table.title, tables=tables, command=command)
    for made in tables.values():
        print_table(msg, made)
    print_files(msg, files)
    return runs
