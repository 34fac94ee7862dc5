"""`python -m spacy mner multi-seed`"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, List, Mapping, Optional, Sequence

import typer
from spacy.cli._util import import_code, parse_config_overrides, setup_gpu
from thinc.api import Config
from wasabi import Printer

from ..errors import Errors
from ..experiments.multi_seed import Result, run_seeds
from ..experiments.outputs import write_outputs
from ..experiments.runs import Data, Trial
from ..experiments.settings import change
from ..experiments.tables import ablation_table, seeds_table
from ..pictures import Condition
from ..visualization.plots import load_pyplot
from ._experiment import (
    DevOption,
    FirstSeedOption,
    KeepOption,
    MetricsArg,
    ModelsOption,
    SeedsOption,
    StepsOption,
    TestArg,
    TrainArg,
    VectorsOption,
    print_files,
    print_table,
    report_progress,
)
from ._output import fail_on_coded_errors
from ._util import Arg, CodeOption, GpuOption, Opt, command_line, mner_cli
from .evaluate import ImagesChoice

# What an argument says, or must be the same for all seeds.
_INSTEAD = {
    "paths.train": "the training data are the second argument",
    "paths.dev": "there are no dev data, but see --dev-from-train",
    "system.seed": "give --seeds and --first-seed",
    "training.seed": "give --seeds and --first-seed",
    "training.max_steps": "give --steps",
}


@mner_cli.command(
    "multi-seed",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def multi_seed_cli(
    ctx: typer.Context,
    config_path: Annotated[Path, Arg(help="Training config", exists=True, dir_okay=False)],
    train_path: TrainArg,
    test_path: TestArg,
    metrics_dir: MetricsArg,
    name: Annotated[
        Optional[str], Opt("--name", help="Name of the results; the config's by default")
    ] = None,
    vectors: VectorsOption = None,
    images: Annotated[
        ImagesChoice,
        Opt("--images", "-i", help="Pictures in training and scoring: on, off or shuffled"),
    ] = ImagesChoice.on,
    seeds: SeedsOption = 3,
    first_seed: FirstSeedOption = 0,
    steps: StepsOption = 0,
    dev_from_train: DevOption = 0.0,
    models: ModelsOption = None,
    keep: KeepOption = 1,
    use_gpu: GpuOption = -1,
    code_path: CodeOption = None,
) -> None:
    """
    Train a config with several seeds and report mean and standard deviation.

    Settings of the config can be changed as for spacy train, but for data and seed. Seeds that are
    done are not trained again, as long as config, data and --code are the same.

    Example: python -m spacy mner multi-seed configs/mner.cfg corpus/sample/train.spacy
    corpus/sample/test.spacy metrics/sample --vectors corpus/vectors --seeds 5 --name mner-wide
    --components.mner.model.encoder.hidden_width 300
    """
    import_code(code_path)
    overrides = parse_config_overrides(ctx.args)
    with fail_on_coded_errors():
        setup_gpu(use_gpu, silent=False)
        multi_seed(
            Config().from_disk(config_path, interpolate=False),
            Data(train_path, test_path, vectors, dev_from_train),
            metrics_dir,
            name=name or config_path.stem,
            overrides=overrides,
            code=code_path,
            images=images.value,
            seeds=range(first_seed, first_seed + seeds),
            steps=steps,
            models=models,
            keep=keep,
            command=command_line(),
            use_gpu=use_gpu,
            silent=False,
        )


def multi_seed(
    config: Config,
    data: Data,
    metrics_dir: Path,
    *,
    name: str,
    overrides: Mapping[str, Any] = {},
    images: Condition = "on",
    seeds: Sequence[int] = range(3),
    steps: int = 0,
    code: Optional[Path] = None,
    models: Optional[Path] = None,
    keep: int = 1,
    command: str = "",
    use_gpu: int = -1,
    silent: bool = True,
) -> List[Result]:
    """Train a config with several seeds and write the table to `metrics_dir/multi-seed/NAME`.

    config (Config): not interpolated.
    data (Data): training data, scored posts and word vectors.
    metrics_dir (Path): results of the runs go to `runs/NAME/` below it.
    name (str): of the results.
    overrides (Mapping[str, Any]): settings to change, by dotted path.
    images (Condition): pictures in training and scoring.
    seeds (Sequence[int]): one run each.
    code (Optional[Path]): Python file that the config needs, which has been imported; a run depends on it.
    steps, models, keep, command, use_gpu, silent: as for `table1`.
    RETURNS (List[Result]): one a seed.
    RAISES (ValueError): M122 for a setting of a section that the config has not, M137 for one that an
        argument says, M138 for a reader that does not know pictures.
    RAISES (ImportError): M107 without matplotlib.
    """
    # Before anything that takes long.
    load_pyplot()
    msg = Printer(no_print=silent, pretty=not silent)
    for path, instead in _INSTEAD.items():
        if path in overrides:
            raise ValueError(Errors.M137.format(path=path, instead=instead))
    changed = change(config, overrides)
    if data.vectors is None:
        data = replace(data, vectors=changed.interpolate().get("initialize", {}).get("vectors"))
    results = run_seeds(
        Trial(name, changed, images=images, steps=steps or None, code=code),
        seeds,
        data,
        metrics_dir,
        models=models,
        keep=keep,
        command=command,
        use_gpu=use_gpu,
        progress=not silent,
    )
    report_progress(msg, name, results)
    tables = {
        "multi-seed": seeds_table(name, results),
        "ablation": ablation_table([result["ablation"] for result in results]),
    }
    files = write_outputs(
        metrics_dir / "multi-seed" / name,
        "multi-seed",
        f"Several seeds: {name}",
        tables=tables,
        command=command,
    )
    for table in tables.values():
        print_table(msg, table)
    print_files(msg, files)
    return results
