"""`python -m spacy mner vocab-sensitivity`"""

from pathlib import Path
from typing import Annotated, Dict, List, Optional, Sequence

from spacy.cli._util import setup_gpu
from wasabi import Printer

from ..experiments.multi_seed import Result, run_seeds
from ..experiments.outputs import write_outputs
from ..experiments.rows import ROWS
from ..experiments.runs import Data, Trial
from ..experiments.settings import change
from ..experiments.vocab_sensitivity import (
    PAIR,
    SHARES,
    check_share,
    draw_vocab,
    run_name,
    vocab_table,
)
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
    load_configs,
    print_files,
    print_table,
    report_progress,
)
from ._output import fail_on_coded_errors
from ._util import GpuOption, Opt, command_line, mner_cli


@mner_cli.command("vocab-sensitivity")
def vocab_sensitivity_cli(
    train_path: TrainArg,
    test_path: TestArg,
    metrics_dir: MetricsArg,
    vectors: Annotated[
        str, Opt("--vectors", "-v", help="Pipeline with word vectors (spacy mner vectors)")
    ],
    seeds: SeedsOption = 3,
    first_seed: FirstSeedOption = 0,
    steps: StepsOption = 0,
    dev_from_train: DevOption = 0.0,
    configs: ConfigsOption = Path("configs"),
    use_gpu: GpuOption = -1,
) -> None:
    """
    Remove 0, 25, 50 and 75 % of the word vectors at random: Table 3 (Moon et al. 2018).

    Trains the rows wc-concat and wc-attention of Table 1 with each table of vectors. The words are
    drawn with the seed of the run; those of a smaller table are among those of a larger one. With
    all words, the runs are those of table1 and are not trained again.

    Example: python -m spacy mner vocab-sensitivity corpus/sample/train.spacy
    corpus/sample/test.spacy metrics/sample --vectors corpus/vectors --seeds 5
    """
    with fail_on_coded_errors():
        setup_gpu(use_gpu, silent=False)
        vocab_sensitivity(
            Data(train_path, test_path, vectors, dev_from_train),
            metrics_dir,
            seeds=range(first_seed, first_seed + seeds),
            steps=steps,
            configs=configs,
            command=command_line(),
            use_gpu=use_gpu,
            silent=False,
        )


def vocab_sensitivity(
    data: Data,
    metrics_dir: Path,
    *,
    seeds: Sequence[int] = range(3),
    shares: Optional[Sequence[float]] = None,
    steps: int = 0,
    configs: Path = Path("configs"),
    command: str = "",
    use_gpu: int = -1,
    silent: bool = True,
) -> Dict[str, Dict[float, List[Result]]]:
    """Train with fewer word vectors; write table and plot to `metrics_dir/vocab-sensitivity`.

    data (Data): training data, scored posts and word vectors.
    metrics_dir (Path): results of the runs go to `runs/` below it.
    seeds (Sequence[int]): one run each; the removed words differ as well.
    shares (Optional[Sequence[float]]): shares of the words that are kept; None = the paper's.
    steps, configs, command, use_gpu, silent: as for `table1`.
    RETURNS (Dict[str, Dict[float, List[Result]]]): results by row and share, one a seed.
    RAISES (ValueError): M139 for a share that cannot be had.
    RAISES (ImportError): M107 without matplotlib.
    """
    for share in shares or SHARES:
        check_share(share, data)
    load_pyplot()
    msg = Printer(no_print=silent, pretty=not silent)
    base = load_configs(configs, ["paper"])["paper"]
    runs: Dict[str, Dict[float, List[Result]]] = {name: {} for name in PAIR}
    for share in shares or SHARES:
        for name in PAIR:
            config = change(base, ROWS[name].settings)
            trial_name = run_name(name, share)
            runs[name][share] = run_seeds(
                Trial(trial_name, config, images="off", keep_vectors=share, steps=steps or None),
                seeds,
                data,
                metrics_dir,
                command=command,
                use_gpu=use_gpu,
                progress=not silent,
            )
            report_progress(msg, trial_name, runs[name][share])
    table = vocab_table(runs)
    folder = metrics_dir / "vocab-sensitivity"
    files = write_outputs(
        folder,
        "vocab-sensitivity",
        "Fewer word vectors",
        tables={"vocab-sensitivity": table},
        blocks=[draw_vocab(runs, folder)],
        command=command,
    )
    print_table(msg, table)
    print_files(msg, files)
    return runs
