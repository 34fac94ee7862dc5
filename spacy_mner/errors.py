"""Coded errors and warnings: what was wrong, with which value, and what to do next."""

from typing import Any


class _WithCodes(type):
    """Prefix every message with the name of its attribute: `Errors.M001` reads "[M001] ..."."""

    def __getattribute__(cls, code: str) -> Any:
        message = super().__getattribute__(code)
        if code.startswith("__"):
            return message
        return f"[{code}] {message}"


class Warnings(metaclass=_WithCodes):
    # Model: MW001-MW019
    MW001 = (
        "The pipeline has no word vectors, so '{name}' learns {width}-dimensional vectors from the "
        "training data alone. Set [initialize] vectors to a pipeline with vectors for better accuracy."
    )
    MW002 = (
        "None of the {n} posts used to initialize '{name}' has a picture (Doc._.image_vec is None). "
        "The modality is built with width {width} and stays unused until pictures come."
    )

    # Pictures: MW020-MW039

    # Data: MW040-MW059

    # Evaluation and commands: MW060-MW079


class Errors(metaclass=_WithCodes):
    # Model and component: M001-M019
    M001 = (
        "The model of '{name}' is not initialized. Call nlp.initialize() with examples, "
        "or load a trained pipeline with spacy.load()."
    )
    M002 = "'{name}' has no labels. Give it examples with entities, or [initialize.components.{name}] labels."
    M003 = (
        "The word vectors of this pipeline have width {found}, but '{name}' was trained with width "
        "{expected}. Load the pipeline together with the vectors it was trained with."
    )
    M004 = (
        "Doc._.image_vec has shape {shape}. It must be a float array of shape (D,) for one picture, "
        "(R, D) for regions or several pictures, or None for a post without a picture."
    )
    M005 = (
        "Doc._.image_vec has width {found}, but the model was built for width {expected}. Encode the "
        "pictures with the encoder that made the training data's vectors."
    )
    M006 = "'{value}' is not a valid {setting}. Choose one of: {options}."
    M007 = "Label '{label}' is not valid: a label is a non-empty string."
    M008 = (
        "A modality named '{name}' is given twice. Names of modalities must differ: "
        "set `name` on one of them."
    )
    M009 = (
        "A '{kind}' in [model] does not follow its protocol: {problem}. "
        "See docs/architecture.md for what each part must provide."
    )
    M010 = "The saved model cannot be read: {problem}. It was written by spacy_mner {version}."
    M011 = "Doc._.image_vec holds NaN or infinite values{where}. Encode the picture again."
    M012 = "{setting} is {value}, but must be {range}."

    # Pictures and feature stores: M020-M039

    # Data: M040-M059

    # Evaluation and commands: M060-M079
