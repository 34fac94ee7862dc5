"""`python -m spacy mner calibrate`"""

import warnings
from pathlib import Path
from typing import Annotated, Any, Dict, Optional

import spacy
from spacy.cli._util import import_code, setup_gpu
from thinc.api import fix_random_seed
from wasabi import Printer

from .. import about
from ..errors import Errors
from ..extensions import set_extensions
from ..output import replace_folder
from ..pictures import Condition
from ..training.calibration import calibrate as calibrate_pipeline
from ..training.spacy_files import read_examples
from ._calibration_table import CALIBRATION_HEADER, calibration_row
from ._output import fail_on_coded_errors, write_json
from ._util import Arg, CodeOption, GpuOption, Opt, mner_cli
from .evaluate import ImagesChoice


@mner_cli.command("calibrate")
def calibrate_cli(
    model: Annotated[str, Arg(help="Model name or path")],
    data_path: Annotated[
        Path, Arg(help="Development data in .spacy format", exists=True, metavar="DEV")
    ],
    output: Annotated[
        Optional[Path],
        Arg(
            help="Folder of the calibrated pipeline; leave it out to measure alone", file_okay=False
        ),
    ] = None,
    images: Annotated[
        ImagesChoice,
        Opt("--images", "-i", help="Whether the posts are read with their pictures"),
    ] = ImagesChoice.on,
    folds: Annotated[
        int,
        Opt(
            "--folds",
            help="Also measure on posts that were not fitted on: so many parts take turns; 0 for no",
            min=0,
        ),
    ] = 0,
    seed: Annotated[int, Opt("--seed", help="Seed of the division into folds")] = 0,
    report: Annotated[
        Optional[Path], Opt("--report", help="Output JSON file for the figures", dir_okay=False)
    ] = None,
    overwrite: Annotated[
        bool, Opt("--overwrite", "-O", help="Replace the pipeline in OUTPUT")
    ] = False,
    use_gpu: GpuOption = -1,
    code_path: CodeOption = None,
) -> None:
    """
    Make the probabilities of entities true: of a hundred entities with score 0.9, ninety should be right.

    Fits one number, the temperature, on posts that the pipeline was not trained on, and saves the
    pipeline with it. The entities that are found stay the same; Span._.score, the marginals and the
    n-best probabilities change. --folds 2 says what that is worth on posts that were not fitted on.
    """
    import_code(code_path)
    with fail_on_coded_errors():
        calibrate(
            model,
            data_path,
            output,
            images=images.value,
            folds=folds,
            seed=seed,
            report=report,
            overwrite=overwrite,
            use_gpu=use_gpu,
            silent=False,
        )


def calibrate(
    model: str,
    data_path: Path,
    output: Optional[Path] = None,
    *,
    images: Condition = "on",
    folds: int = 0,
    seed: int = 0,
    report: Optional[Path] = None,
    overwrite: bool = False,
    use_gpu: int = -1,
    silent: bool = True,
) -> Dict[str, Any]:
    """Load a pipeline, fit its temperature, and save it.

    model (str): Name or path of the pipeline.
    data_path (Path): `.spacy` file, or a folder of them.
    output (Optional[Path]): Folder of the calibrated pipeline, written atomically.
    images (str): "on", "off" or "shuffled".
    folds (int): 2 or more measure on held-out posts, too.
    seed (int): Seed of the division into folds.
    report (Optional[Path]): JSON file.
    overwrite (bool): Replace the pipeline in the folder.
    use_gpu (int): GPU id, or -1 for the CPU.
    silent (bool): Print nothing.
    RETURNS (Dict[str, Any]): See `spacy_mner.training.calibration.calibrate`.
    RAISES (ValueError): M061 for a file without posts, M130 without `mner`, M142 where there is nothing to
        fit on, M143 or M058 if the output may not be replaced, M144 if nothing was asked for.
    """
    if output is None and not folds:
        raise ValueError(Errors.M144)
    if output is not None:
        _check_output(output, overwrite)
    msg = Printer(no_print=silent, pretty=not silent)
    fix_random_seed()
    setup_gpu(use_gpu, silent=silent)
    set_extensions()
    nlp = spacy.load(model)
    examples = read_examples(nlp, data_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = calibrate_pipeline(
            nlp, examples, images=images, n_folds=folds, seed=seed, progress=msg.info
        )
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        msg.warn(text)
    result.update(
        {
            "model": str(model),
            "data": str(data_path),
            "images": images,
            "seed": seed,
            "spacy_mner_version": about.__version__,
        }
    )
    _print_result(msg, result)
    if output is not None:
        replace_folder(nlp.to_disk, output)
        msg.good(f"Saved the pipeline with temperature {result['temperature']:.3f} to {output}")
    if report is not None:
        write_json(report, result)
        msg.good(f"Saved results to {report}")
    return result


def _check_output(output: Path, overwrite: bool) -> None:
    """RAISES (ValueError): M143 or M058."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    if not (output / "config.cfg").is_file() or not (output / "meta.json").is_file():
        raise ValueError(Errors.M058.format(path=output))
    if not overwrite:
        raise ValueError(Errors.M143.format(path=output))


def _print_result(msg: Printer, result: Dict[str, Any]) -> None:
    rows = [
        calibration_row("before", result["before"]),
        calibration_row("after", result["after"]),
    ]
    msg.table(
        rows,
        header=CALIBRATION_HEADER,
        aligns=("l", *"rrrrrr"),
        title=f"{result['before']['n_entities']} entities of {result['n_posts']} posts, "
        f"the ones fitted on; temperature {result['temperature']:.3f}",
    )
    folds = result["folds"]
    if folds is not None:
        temperatures = ", ".join(f"{t:.3f}" for t in folds["temperatures"])
        msg.table(
            [calibration_row("before", folds["before"]), calibration_row("after", folds["after"])],
            header=CALIBRATION_HEADER,
            aligns=("l", *"rrrrrr"),
            title=f"Held out, {folds['n_folds']} folds; temperatures {temperatures}",
        )
