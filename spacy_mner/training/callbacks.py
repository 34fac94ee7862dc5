"""Callbacks for `[training]`: what is done to a pipeline before it is saved."""

import warnings
from typing import Callable

from spacy.language import Language
from spacy.util import dot_to_object, resolve_dot_names

from ..errors import Errors, Warnings
from ..pipeline.find import find_mner
from .calibration import NothingToCalibrate, calibrate


def create_calibrate_v1(
    corpus: str = "corpora.dev", images: str = "on"
) -> Callable[[Language], Language]:
    """Fit the temperature of `mner` on the development data before each save.

    ```ini
    [training.before_to_disk]
    @callbacks = "spacy_mner.calibrate.v1"
    corpus = "corpora.dev"
    ```

    `spacy train` saves after every evaluation and once at the end, and cannot tell the last time from
    the others; so this runs as often as the development data are scored, and costs a little more than
    that does. The averaged weights are in place when it runs. Training takes no notice of the
    temperature. A pipeline that finds no entity yet keeps the one that it has (MW042). To pay only once,
    leave the callback out and run `spacy mner calibrate` afterwards.

    corpus (str): section of the config that reads the data.
    images (str): "on", "off" or "shuffled": with which pictures the posts are read.
    """

    def calibrate_before_saving(nlp: Language) -> Language:
        config = nlp.config.interpolate()
        try:
            dot_to_object(config, corpus)
        except KeyError:
            raise ValueError(Errors.M145.format(name=corpus)) from None
        (reader,) = resolve_dot_names(config, [corpus])
        try:
            calibrate(nlp, reader(nlp), images=images)  # type: ignore[arg-type]
        except NothingToCalibrate as error:
            # As may be after the first updates, when nothing is found yet: no reason to end training.
            value = find_mner(nlp).temperature
            warnings.warn(Warnings.MW042.format(value=value, problem=error), stacklevel=2)
        return nlp

    return calibrate_before_saving
