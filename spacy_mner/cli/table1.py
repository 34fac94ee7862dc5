"""`python -m spacy mner table1`"""

from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Sequence

from spacy.cli._util import setup_gpu
from wasabi import Printer

from ..experiments.multi_seed import Result, run_seeds
from ..experiments.outputs import write_outputs
from ..experiments.rows import choose_rows
from ..experiments.runs import Data, Trial
from ..experiments.settings import change
from ..experiments.tables import ablation_table, paper_table1
from ..experiments.tables import table1 as make_table1
from ..visualization.plots import load_pyplot
from ._experiment import (
    ConfigsOption,
    DevOption,
    FirstSeedOption,
    KeepOption,
    MetricsArg,
    ModelsOption,
    SeedsOption,
    SettingsOption,
    StepsOption,
    TestArg,
    TrainArg,
    VectorsOption,
    load_configs,
    print_files,
    print_table,
    report_progress,
)
from ._options import parse_options
from ._output import fail_on_coded_errors
from ._util import GpuOption, Opt, command_line, mner_cli


@mner_cli.command("table1")
def table1_cli(
    train_path: TrainArg,
    test_path: TestArg,
    metrics_dir: MetricsArg,
    vectors: VectorsOption = None,
    rows: Annotated[
        str,
        Opt(
            "--rows",
            "-r",
            help="paper (the eight rows), all, transformer, or names with commas between",
        ),
    ] = "paper",
    transformer: Annotated[
        Optional[str],
        Opt("--transformer", help="Name or folder of the encoder for the rows that have one"),
    ] = None,
    settings: SettingsOption = None,
    seeds: SeedsOption = 3,
    first_seed: FirstSeedOption = 0,
    steps: StepsOption = 0,
    dev_from_train: DevOption = 0.0,
    configs: ConfigsOption = Path("configs"),
    models: ModelsOption = None,
    keep: KeepOption = 1,
    use_gpu: GpuOption = -1,
) -> None:
    """
    Train the rows of Table 1 (Moon et al. 2018) with several seeds and write the table.

    Rows of the paper: c, w, wc-multitask, wc-charcnn, wc-concat, wc-attention, wcv-concat,
    wcv-attention. More rows: wcv-attention-shuffled, wcv-attention-tanh, wcv-attention-none,
    wcv-initial, wcv-attention-lstm, wc-attention-concat, wcv-attention-concat, recommended,
    recommended-concat, recommended-text, recommended-shuffled. Rows with a transformer
    (configs/transformer.cfg; not among "all"): t, tc, twc-concat, twc, twcv, twcv-shuffled.

    Rows and seeds that are done are not trained again, as long as config and data are the same: a run
    that was interrupted goes on where it was, and two commands with different rows or seeds may run
    side by side; the same command with all of them then writes the whole table. Each run also says
    what the model does without pictures, words or characters.

    Example: python -m spacy mner table1 corpus/sample/train.spacy corpus/sample/test.spacy
    metrics/sample --vectors corpus/vectors --rows wc-attention,wcv-attention --seeds 5
    """
    with fail_on_coded_errors():
        setup_gpu(use_gpu, silent=False)
        table1(
            Data(train_path, test_path, vectors, dev_from_train),
            metrics_dir,
            rows=rows,
            transformer=transformer,
            settings=parse_options(settings or []),
            seeds=range(first_seed, first_seed + seeds),
            steps=steps,
            configs=configs,
            models=models,
            keep=keep,
            command=command_line(),
            use_gpu=use_gpu,
            silent=False,
        )


def table1(
    data: Data,
    metrics_dir: Path,
    *,
    rows: str = "paper",
    transformer: Optional[str] = None,
    settings: Optional[Dict[str, Any]] = None,
    seeds: Sequence[int] = range(3),
    steps: int = 0,
    configs: Path = Path("configs"),
    models: Optional[Path] = None,
    keep: int = 1,
    command: str = "",
    use_gpu: int = -1,
    silent: bool = True,
) -> Dict[str, List[Result]]:
    """Train rows of Table 1 and write the table to `metrics_dir/table1`.

    data (Data): training data, scored posts and word vectors.
    metrics_dir (Path): results of the runs go to `runs/` below it.
    rows (str): see `choose_rows`.
    transformer (Optional[str]): name or folder of an encoder for the rows that have one; None = the config's.
    settings (Optional[Dict[str, Any]]): changes of every row's config: dotted path -> value.
    seeds (Sequence[int]): one run each.
    steps (int): updates of each run; 0 = the config's.
    configs (Path): folder with paper.cfg, mner.cfg and transformer.cfg.
    models (Optional[Path]): folder for trained pipelines.
    keep (int): of how many seeds the pipelines are kept there.
    command (str): makes the table again; written beside it.
    use_gpu (int): GPU id, or -1 for the CPU.
    silent (bool): print nothing.
    RETURNS (Dict[str, List[Result]]): results by the row's name, one a seed.
    RAISES (ValueError): M121 for a row that is not known, M122 for a setting whose section a row lacks.
    RAISES (ImportError): M107 without matplotlib.
    """
    # Before anything that takes long.
    load_pyplot()
    msg = Printer(no_print=silent, pretty=not silent)
    chosen = choose_rows(rows)
    bases = load_configs(configs, sorted({row.config for row in chosen}))
    runs: Dict[str, List[Result]] = {}
    for row in chosen:
        config = change(bases[row.config], row.settings)
        if transformer and row.config == "transformer":
            config = change(config, {"paths.transformer": transformer})
        config = change(config, settings or {})
        runs[row.name] = run_seeds(
            Trial(row.name, config, images=row.images, steps=steps or None),
            seeds,
            data,
            metrics_dir,
            models=models,
            keep=keep,
            command=command,
            use_gpu=use_gpu,
            progress=not silent,
        )
        report_progress(msg, row.name, runs[row.name])
    tables = {"table1": make_table1(runs)}
    paper = paper_table1(runs)
    if paper is not None:
        tables["table1-paper"] = paper
    for name, title in (("wcv-attention", "wcv-attention"), ("recommended", "recommended profile")):
        if name in runs:
            tables[f"ablation-{name}"] = ablation_table(
                [result["ablation"] for result in runs[name]], subject=title
            )
    files = write_outputs(
        metrics_dir / "table1", "table1", "Modalities and fusions", tables=tables, command=command
    )
    print_table(msg, tables["table1"])
    print_files(msg, files)
    return runs
