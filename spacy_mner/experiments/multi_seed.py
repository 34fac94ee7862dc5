"""Mean and standard deviation of runs that differ in their seed alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from wasabi import msg

from ..visualization.spread import Spread, spread
from .runs import Data, Trial, run_trial

Result = Dict[str, Any]


def gain_of(results: Sequence[Result], others: Sequence[Result]) -> Spread:
    """Typed F1 minus that of others, seed by seed, in percentage points.

    results (Sequence[Result]): at least one.
    others (Sequence[Result]): with a run of each of these seeds.
    """
    return spread(gains_of(results, others))


def gains_of(results: Sequence[Result], others: Sequence[Result]) -> List[float]:
    """What `gain_of` is the mean of: one difference a seed, in the order of the results."""
    by_seed = {result["seed"]: result["scores"]["ents_f"] or 0 for result in others}
    return [100 * ((r["scores"]["ents_f"] or 0) - by_seed[r["seed"]]) for r in results]


def with_common_seeds(
    results: Sequence[Result], others: Sequence[Result]
) -> Tuple[List[Result], List[Result]]:
    """Of two systems, the runs with seeds that both have, in the order of the seeds."""
    by_seed = [{result["seed"]: result for result in some} for some in (results, others)]
    common = sorted(by_seed[0].keys() & by_seed[1].keys())
    return [by_seed[0][seed] for seed in common], [by_seed[1][seed] for seed in common]


def run_seeds(
    trial: Trial,
    seeds: Sequence[int],
    data: Data,
    metrics: Path,
    *,
    models: Optional[Path] = None,
    keep: int = 0,
    command: str = "",
    use_gpu: int = -1,
    progress: bool = False,
) -> List[Result]:
    """Train one config with several seeds; what is done already is read.

    trial (Trial): the config; its seed does not count.
    seeds (Sequence[int]): at least one.
    data (Data): on which posts.
    metrics (Path): results go to `runs/NAME/seed-N.json` below it.
    models (Optional[Path]): pipelines go to `NAME/seed-N` below it.
    keep (int): keep the pipelines of the first seeds. Each has a copy of the word vectors.
    command (str): makes the results again.
    use_gpu (int): GPU id, or -1 for the CPU.
    progress (bool): show progress bars.
    RETURNS (List[Result]): one a seed.
    """
    results = []
    for i, seed in enumerate(seeds):
        if progress:
            # The progress bar does not say whose it is.
            msg.text(f"{trial.name}, seed {seed}")
        kept = models is not None and i < keep
        results.append(
            run_trial(
                replace(trial, seed=seed),
                data,
                metrics / "runs" / trial.name / f"seed-{seed}.json",
                model_dir=models / trial.name / f"seed-{seed}" if models and kept else None,
                command=command,
                use_gpu=use_gpu,
                progress=progress,
            )
        )
    return results
