"""`python -m spacy mner compare`"""

from pathlib import Path
from typing import Annotated, Dict

from spacy.cli._util import import_code, setup_gpu
from wasabi import Printer

from ..experiments.comparison import comparison_table, find_runs, load_counts, spread_note
from ..experiments.outputs import write_outputs
from ..experiments.significance import Difference, compare_counts
from ..pictures import Condition
from ..visualization.plots import load_pyplot
from ._experiment import DataArg, OutputArg, print_files, print_table
from ._output import fail_on_coded_errors
from ._util import Arg, CodeOption, GpuOption, Opt, command_line, mner_cli
from .evaluate import ImagesChoice

_SYSTEM = "A pipeline, a run's result (seed-0.json), or a folder with either, one a seed"


@mner_cli.command("compare")
def compare_cli(
    a: Annotated[Path, Arg(help=_SYSTEM, exists=True, metavar="A")],
    b: Annotated[Path, Arg(help=_SYSTEM, exists=True, metavar="B")],
    data_path: DataArg,
    output_dir: OutputArg,
    images_a: Annotated[
        ImagesChoice, Opt("--images-a", help="Pictures of A, if it is scored now")
    ] = ImagesChoice.on,
    images_b: Annotated[
        ImagesChoice, Opt("--images-b", help="Pictures of B, if it is scored now")
    ] = ImagesChoice.on,
    samples: Annotated[int, Opt("--samples", help="Draws of each test", min=100)] = 10_000,
    seed: Annotated[int, Opt("--seed", help="Seed of the draws")] = 0,
    use_gpu: GpuOption = -1,
    code_path: CodeOption = None,
) -> None:
    """
    Is A better than B, or is it chance? Paired bootstrap and approximate randomisation over posts.

    Compares typed and segmentation F1 on the same posts, with a 95 % confidence interval of the
    difference. Several seeds of a system are pooled: posts are drawn, and the counts of a post are
    taken over all seeds.

    Example: python -m spacy mner compare metrics/sample/runs/wcv-attention
    metrics/sample/runs/wc-attention corpus/sample/test.spacy metrics/sample/compare
    """
    import_code(code_path)
    with fail_on_coded_errors():
        setup_gpu(use_gpu, silent=False)
        compare(
            a,
            b,
            data_path,
            output_dir,
            images=(images_a.value, images_b.value),
            n_samples=samples,
            seed=seed,
            command=command_line(),
            silent=False,
        )


def compare(
    a: Path,
    b: Path,
    data_path: Path,
    output_dir: Path,
    *,
    images: "tuple[Condition, Condition]" = ("on", "on"),
    n_samples: int = 10_000,
    seed: int = 0,
    command: str = "",
    silent: bool = True,
) -> Dict[str, Difference]:
    """Compare two systems and write the table to `output_dir/A-B`.

    a, b (Path): see `find_runs`.
    data_path (Path): the scored posts.
    output_dir (Path): a folder for several comparisons.
    images (Tuple[Condition, Condition]): pictures of pipelines that are scored now.
    n_samples (int): draws of each test.
    seed (int): of the draws.
    command (str): makes it again.
    silent (bool): print nothing.
    RETURNS (Dict[str, Difference]): "typed" and "segmentation".
    RAISES (ValueError): M120 if they were not scored on the same posts, M123 if there is nothing.
    """
    # Before anything that takes long.
    load_pyplot()
    msg = Printer(no_print=silent, pretty=not silent)
    counts = [
        load_counts(path, data_path, images=condition, progress=not silent)
        for path, condition in zip((a, b), images, strict=True)
    ]
    differences = compare_counts(*counts, n_samples=n_samples, seed=seed)
    names = short_names(a, b, images)
    table = comparison_table(differences, names, [len(runs) for runs in counts], len(counts[0][0]))
    text = [spread_note(runs, name) for runs, name in zip(counts, names, strict=True)]
    title = f"{names[0]} against {names[1]}"
    folder = output_dir / f"{names[0]}--{names[1]}".replace("/", "-").replace(" ", "-")
    files = write_outputs(
        folder, "compare", title, text=text, tables={"compare": table}, command=command
    )
    print_table(msg, table)
    for line in text:
        msg.info(line)
    print_files(msg, files)
    return differences


def short_names(
    a: Path, b: Path, images: "tuple[Condition, Condition]" = ("on", "on")
) -> "tuple[str, str]":
    """The parts of two paths that tell them apart, and pipelines' pictures where they are not their own."""
    parts_a, parts_b = list(a.resolve().parts), list(b.resolve().parts)
    while parts_a and parts_b and parts_a[-1] == parts_b[-1]:
        parts_a.pop()
        parts_b.pop()
    while len(parts_a) > 1 and len(parts_b) > 1 and parts_a[0] == parts_b[0]:
        parts_a.pop(0)
        parts_b.pop(0)
    names = ["/".join(parts) or path.stem for parts, path in ((parts_a, a), (parts_b, b))]
    names = [name.removesuffix(".json") for name in names]
    for i, (path, condition) in enumerate(zip((a, b), images, strict=True)):
        if condition != "on" and find_runs(path)[0].is_dir():
            names[i] += f" images {condition}"
    return names[0], names[1]
