"""Loading time of a trained `mner` pipeline next to spaCy's `ner` with the same vectors, in turns.

python benchmarks/load_time.py TRAIN.spacy VECTORS
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated

import spacy
import typer
from spacy.tokens import DocBin
from spacy_pipelines import NER_SIZES, make_pipeline, mner_config, ner_config
from turns import take_turns


def main(
    train: Annotated[Path, typer.Argument(help="Training data in .spacy format")],
    vectors: Annotated[str, typer.Argument(help="Pipeline with word vectors")],
    config: Annotated[Path, typer.Option(help="Config with mner")] = Path("configs/mner.cfg"),
    rounds: Annotated[int, typer.Option(help="Rounds of each contestant")] = 7,
) -> None:
    """Print seconds to load, and the ratio."""
    mner = mner_config(config)
    mner.pop("factory")
    contestants = {"mner": ("mner", mner), "ner": ("ner", ner_config(*NER_SIZES["ner-small"]))}
    with tempfile.TemporaryDirectory() as folder:
        for name, (factory, settings) in contestants.items():
            nlp, _, _ = make_pipeline(factory, settings, train, vectors)
            nlp.to_disk(Path(folder) / name)
        n_vectors = len(nlp.vocab.vectors.key2row)
        loaders = {name: partial(spacy.load, Path(folder) / name) for name in contestants}
        best = {name: turns.best for name, turns in take_turns(loaders, rounds).items()}
    print(f"{n_vectors:,} vectors, {len(DocBin().from_disk(train))} posts trained on")
    for name, seconds in best.items():
        print(f"{name:5} {seconds:6.2f} s")
    print(f"mner takes {best['mner'] / best['ner']:.2f} times as long to load as ner")


if __name__ == "__main__":
    typer.run(main)
