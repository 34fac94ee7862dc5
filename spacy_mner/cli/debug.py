"""`python -m spacy debug mner`"""

import math
import re
import warnings
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

import typer
from spacy.cli._util import (
    debug_cli,
    import_code,
    parse_config_overrides,
    setup_gpu,
    show_validation_error,
)
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config, load_model_from_config, registry, resolve_dot_names
from thinc.api import Config
from wasabi import Printer

from ..errors import Errors
from ..inspection.data import DataReport, inspect_data
from ..inspection.findings import (
    ERROR,
    WARNING,
    Finding,
    judge_coverage,
    judge_data,
    judge_scorers,
    judge_trial,
)
from ..inspection.model import choose_examples, inspect_dimensions, try_out
from ..inspection.vectors import inspect_coverage
from ..models.modalities.words import WordVectors
from ..models.tagger import get_shim
from ..pipeline.find import find_mners
from ..pipeline.mner import MultimodalEntityRecognizer
from ._debug_tables import (
    print_coverage,
    print_data,
    print_dimensions,
    print_findings,
    print_pictures,
    print_trial,
)
from ._output import write_json
from ._util import Arg, CodeOption, GpuOption, Opt

CorpusReader = Callable[[Language], Iterable[Example]]
# A warning that comes once a post, and whose posts are counted already.
COUNTED = ("MW003",)
# A streamed corpus never ends; what comes first must do.
STREAMED = 10_000


@debug_cli.command(
    "mner", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def debug_mner_cli(
    ctx: typer.Context,  # This is only used to read additional arguments
    config_path: Annotated[Path, Arg(help="Path to config file", exists=True, allow_dash=True)],
    output: Annotated[
        Optional[Path],
        Opt("--output", "-o", help="Output JSON file for all counts and findings", dir_okay=False),
    ] = None,
    code_path: CodeOption = None,
    ignore_warnings: Annotated[
        bool,
        Opt("--ignore-warnings", "-IW", help="Ignore warnings, only show stats and errors"),
    ] = False,
    no_format: Annotated[
        bool, Opt("--no-format", "-NF", help="Don't pretty-print the results")
    ] = False,
    use_gpu: GpuOption = -1,
) -> None:
    """
    Check config, data and model of a pipeline with 'mner' before training.

    Counts posts, entities and pictures, looks for traps in them, measures how many words have a
    vector, initializes the pipeline as `spacy train` does, shows the size of each part, and runs a
    few updates and a prediction. Settings are overridden as in `spacy train`: --paths.train
    TRAIN.spacy. Exits with 1 if training is impossible.
    """
    overrides = parse_config_overrides(ctx.args)
    import_code(code_path)
    result = debug_mner(
        config_path,
        config_overrides=overrides,
        output=output,
        ignore_warnings=ignore_warnings,
        no_format=no_format,
        use_gpu=use_gpu,
        silent=False,
    )
    if not result["ok"]:
        raise typer.Exit(1)


def debug_mner(
    config_path: Path,
    *,
    config_overrides: Optional[Dict[str, Any]] = None,
    output: Optional[Path] = None,
    ignore_warnings: bool = False,
    no_format: bool = True,
    use_gpu: int = -1,
    silent: bool = True,
) -> Dict[str, Any]:
    """Check config, data and model.

    config_path (Path): The training config.
    config_overrides (Optional[Dict[str, Any]]): Values by their dotted path.
    output (Optional[Path]): JSON file.
    ignore_warnings (bool): Print errors only.
    no_format (bool): Print without colours and symbols.
    use_gpu (int): GPU id, or -1 for the CPU.
    silent (bool): Print nothing.
    RETURNS (Dict[str, Any]): "ok", "findings" (each with level and message), and the counts: "data",
        "vectors", "components". Counts are missing where an error came first.
    """
    msg = Printer(no_print=silent, pretty=not no_format, ignore_warnings=ignore_warnings)
    setup_gpu(use_gpu, silent=silent)
    with show_validation_error(config_path):
        config = load_config(config_path, overrides=config_overrides or {}, interpolate=False)
        nlp = load_model_from_config(config, auto_fill=True)
        settings = registry.resolve(
            nlp.config.interpolate()["training"], schema=ConfigSchemaTraining
        )
    findings: List[Finding] = []
    result: Dict[str, Any] = {"config": str(config_path)}
    pipes = find_mners(nlp)
    if not pipes:
        names = ", ".join(nlp.pipe_names)
        findings.append(Finding(ERROR, Errors.M082.format(config=config_path, pipes=names)))
    for name in pipes:
        if name in settings["frozen_components"]:
            findings.append(Finding(ERROR, Errors.M089.format(name=name)))
        findings += judge_scorers(nlp, name)
    corpora = None if _failed(findings) else _resolve_corpora(nlp, settings, findings)
    data = None if corpora is None else _check_data(nlp, corpora, settings, findings)
    if data is not None:
        result["data"] = asdict(data)
        print_data(msg, data)
        print_pictures(msg, data)
    if data is not None and corpora is not None and not _failed(findings):
        with _collect_warnings(findings), show_validation_error(config_path):
            trained = _initialize(config, use_gpu, findings)
            if trained is not None:
                result["vectors"] = _check_coverage(msg, trained, corpora, settings, findings)
                result["components"] = {
                    name: _check_model(msg, trained, pipe, corpora, settings, data, findings)
                    for name, pipe in find_mners(trained).items()
                }
    result["ok"] = not _failed(findings)
    result["findings"] = [asdict(finding) for finding in findings]
    print_findings(msg, findings)
    if output is not None:
        write_json(output, result)
        msg.good(f"Saved results to {output}")
    return result


def _failed(findings: List[Finding]) -> bool:
    return any(finding.level == ERROR for finding in findings)


def _resolve_corpora(
    nlp: Language, settings: Dict[str, Any], findings: List[Finding]
) -> Optional[Tuple[CorpusReader, CorpusReader]]:
    config = nlp.config.interpolate()
    try:
        train, dev = resolve_dot_names(config, [settings["train_corpus"], settings["dev_corpus"]])
    except (ValueError, OSError) as error:
        findings.append(Finding(ERROR, Errors.M087.format(part="training or dev", problem=error)))
        return None
    return train, dev


def _check_data(
    nlp: Language,
    corpora: Tuple[CorpusReader, CorpusReader],
    settings: Dict[str, Any],
    findings: List[Finding],
) -> Optional[DataReport]:
    examples = []
    for part, reader in zip(("training", "dev"), corpora, strict=True):
        try:
            examples.append(list(_read(reader, nlp, settings)))
        except (ValueError, OSError) as error:
            findings.append(Finding(ERROR, Errors.M087.format(part=part, problem=error)))
    if len(examples) < len(corpora):
        return None
    report = inspect_data(*examples)
    findings += judge_data(report)
    return report


def _read(reader: CorpusReader, nlp: Language, settings: Dict[str, Any]) -> Iterator[Example]:
    streamed = settings["max_epochs"] == -1
    return islice(reader(nlp), STREAMED if streamed else None)


def _initialize(config: Config, use_gpu: int, findings: List[Finding]) -> Optional[Language]:
    try:
        return init_nlp(config, use_gpu=use_gpu)
    except (ValueError, OSError) as error:
        findings.append(Finding(ERROR, Errors.M084.format(problem=error)))
        return None


def _check_coverage(
    msg: Printer,
    nlp: Language,
    corpora: Tuple[CorpusReader, CorpusReader],
    settings: Dict[str, Any],
    findings: List[Finding],
) -> Dict[str, Any]:
    vectors = nlp.vocab.vectors
    parts = [
        x for p in find_mners(nlp).values() for x in get_shim(p.model).blueprint.forms.values()
    ]
    kinds = any(isinstance(part, WordVectors) and part.trainable for part in parts)
    coverage = {}
    for name, reader in zip(("training", "dev"), corpora, strict=True):
        docs = (eg.predicted for eg in _read(reader, nlp, settings))
        coverage[name] = inspect_coverage(docs, vectors, kinds=kinds)
    for part, report in coverage.items():
        findings += judge_coverage(part, report)
    print_coverage(msg, vectors, coverage)
    return {
        "rows": vectors.shape[0],
        "width": vectors.shape[1],
        "mode": str(vectors.mode),
        "coverage": {part: report and asdict(report) for part, report in coverage.items()},
    }


def _check_model(
    msg: Printer,
    nlp: Language,
    pipe: MultimodalEntityRecognizer,
    corpora: Tuple[CorpusReader, CorpusReader],
    settings: Dict[str, Any],
    data: DataReport,
    findings: List[Finding],
) -> Dict[str, Any]:
    sizes = inspect_dimensions(pipe)
    print_dimensions(msg, pipe.name, sizes)
    result: Dict[str, Any] = {"parts": [asdict(size) for size in sizes], "trial": None}
    dropout = settings["dropout"]
    try:
        trial = try_out(
            nlp,
            pipe,
            choose_examples(_read(corpora[0], nlp, settings)),
            optimizer=settings["optimizer"],
            dropout=dropout if isinstance(dropout, float) else next(dropout),
            exclude=settings["frozen_components"],
            annotates=settings["annotating_components"],
        )
    except (ValueError, RuntimeError) as error:
        findings.append(Finding(ERROR, Errors.M086.format(what="training", problem=error)))
        return result
    findings += judge_trial(pipe.name, trial, pictures=data.train.pictures.with_picture > 0)
    print_trial(msg, trial)
    # JSON has no NaN.
    losses = [loss if math.isfinite(loss) else None for loss in trial.losses]
    result["trial"] = {**asdict(trial), "losses": losses}
    return result


@contextmanager
def _collect_warnings(findings: List[Finding]) -> Iterator[None]:
    """Turn the coded warnings of spaCy and of this package into findings, each one once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    messages = dict.fromkeys((str(w.message), w.category) for w in caught)
    for message, category in messages:
        code = re.match(r"\[(M?W\d{3})\] ", message)
        if code and code[1] in COUNTED:
            continue
        if code:
            findings.append(Finding(WARNING, message))
        elif issubclass(category, UserWarning):
            warnings.warn(message, category, stacklevel=3)
