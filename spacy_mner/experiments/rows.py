"""The rows of Table 1 and their variants: a config of the repository and what is changed in it."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..errors import Errors
from ..pictures import Condition

MODEL = "components.mner.model"
WORD = f"{MODEL}.modalities.word"
CHAR = f"{MODEL}.modalities.char"
IMAGE = f"{MODEL}.modalities.image"
FUSION = f"{MODEL}.fusion"

NO_WORDS = {WORD: None}
NO_CHARS = {CHAR: None}
NO_IMAGE = {IMAGE: None}
NO_EVIDENCE = {f"{MODEL}.evidence": None}
CONCAT = {FUSION: {"@architectures": "spacy_mner.Concatenate.v1"}}
# Attention weighs, and what it has weighed stands side by side instead of being added up.
SIDE_BY_SIDE = {f"{FUSION}.combine": "concatenate"}
# 150 filters, so that the characters have the same width as those of the Bi-LSTM; window 3 as in Ma
# and Hovy (2016).
CHAR_CNN = {
    CHAR: {
        "@architectures": "spacy_mner.CharCNN.v1",
        "embed_width": 30,
        "n_filters": 150,
        "window": 3,
        "max_length": 50,
        "activation": "tanh",
    }
}
MULTITASK = {f"{MODEL}.decoder": {"@architectures": "spacy_mner.MultitaskCRF.v1"}}


@dataclass(frozen=True)
class Row:
    """One way to train.

    name (str): what the row is called on the command line.
    title (str): what the table calls it.
    modalities (str): "W+C+V".
    settings (Mapping[str, Any]): changes of the config: dotted path -> value, a whole block, or None to
        take a modality away.
    config (str): "paper", "mner" or "transformer": the config that is changed.
    images (Condition): the pictures in training and in scoring: "on", "off" or "shuffled".
    paper (Optional[Tuple[float, ...]]): typed P, R, F1 and segmentation P, R, F1 that the paper reports
        on SnapCaptions, in percent.
    """

    name: str
    title: str
    modalities: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    config: str = "paper"
    images: Condition = "on"
    paper: Optional[Tuple[float, ...]] = None


PAPER_ROWS: Tuple[Row, ...] = (
    Row(
        "c",
        "Bi-LSTM/CRF + Bi-CharLSTM",
        "C",
        {**NO_WORDS, **NO_IMAGE, **CONCAT},
        images="off",
        paper=(5.0, 28.1, 8.5, 68.6, 10.8, 18.6),
    ),
    Row(
        "w",
        "Bi-LSTM/CRF",
        "W",
        {**NO_CHARS, **NO_IMAGE, **CONCAT},
        images="off",
        paper=(38.2, 53.3, 44.6, 82.5, 50.1, 62.4),
    ),
    Row(
        "wc-multitask",
        "CharCNN, multi-task (Aguilar et al. 2017)",
        "W+C",
        {**NO_IMAGE, **CONCAT, **CHAR_CNN, **MULTITASK},
        images="off",
        paper=(45.9, 48.9, 47.4, 74.0, 61.7, 67.3),
    ),
    Row(
        "wc-charcnn",
        "CharCNN (Ma and Hovy 2016)",
        "W+C",
        {**NO_IMAGE, **CONCAT, **CHAR_CNN},
        images="off",
        paper=(46.0, 51.9, 48.7, 76.8, 61.0, 68.0),
    ),
    Row(
        "wc-concat",
        "Bi-CharLSTM (Lample et al. 2016)",
        "W+C",
        {**NO_IMAGE, **CONCAT},
        images="off",
        paper=(47.7, 49.9, 48.8, 74.4, 63.3, 68.4),
    ),
    Row(
        "wc-attention",
        "Bi-CharLSTM, modality attention",
        "W+C",
        NO_IMAGE,
        images="off",
        paper=(49.4, 51.7, 50.5, 75.7, 63.3, 68.9),
    ),
    Row(
        "wcv-concat",
        "Bi-CharLSTM + picture",
        "W+C+V",
        CONCAT,
        paper=(50.5, 52.3, 51.4, 71.9, 66.5, 69.1),
    ),
    Row(
        "wcv-attention",
        "Bi-CharLSTM + picture, modality attention",
        "W+C+V",
        paper=(48.7, 58.7, 52.4, 77.4, 60.6, 68.0),
    ),
)

MORE_ROWS: Tuple[Row, ...] = (
    Row(
        "wcv-attention-shuffled",
        "Modality attention, pictures of other posts",
        "W+C+V",
        images="shuffled",
    ),
    Row(
        "wcv-attention-tanh",
        "Modality attention, tanh in Eq. 4",
        "W+C+V",
        {f"{FUSION}.squash": "tanh"},
    ),
    Row(
        "wcv-attention-none",
        "Modality attention, no sigmoid in Eq. 4",
        "W+C+V",
        {f"{FUSION}.squash": "none"},
    ),
    Row(
        "wcv-initial",
        "Modality attention of W+C, picture as initial state (§3.1)",
        "W+C+V",
        {
            **NO_IMAGE,
            f"{MODEL}.initial_state": {
                "@architectures": "spacy_mner.ImageVectors.v1",
                "pooling": "mean",
                "standardize": False,
                "activation": "tanh",
            },
        },
    ),
    Row(
        "wcv-attention-lstm",
        "Modality attention, standard LSTM for Eq. 1",
        "W+C+V",
        {f"{MODEL}.encoder": {"@architectures": "spacy_mner.BiLSTM.v1", "hidden_width": 100}},
    ),
    Row(
        "wc-attention-concat",
        "Modality attention of W+C, weighted and concatenated",
        "W+C",
        {**NO_IMAGE, **SIDE_BY_SIDE},
        images="off",
    ),
    Row(
        "wcv-attention-concat",
        "Modality attention, weighted and concatenated",
        "W+C+V",
        SIDE_BY_SIDE,
    ),
    Row("recommended", "Recommended profile", "W+C+V", config="mner"),
    Row(
        "recommended-concat",
        "Recommended profile, weighted and concatenated",
        "W+C+V",
        SIDE_BY_SIDE,
        config="mner",
    ),
    Row(
        "recommended-text",
        "Recommended profile, text alone",
        "W+C",
        {f"{MODEL}.evidence": None},
        config="mner",
        images="off",
    ),
    Row(
        "recommended-shuffled",
        "Recommended profile, pictures of other posts",
        "W+C+V",
        config="mner",
        images="shuffled",
    ),
)

# T: a transformer's vectors. These rows need the extra `transformers`, and many times the others' time.
TRANSFORMER_ROWS: Tuple[Row, ...] = (
    Row(
        "t",
        "Transformer alone",
        "T",
        {**NO_WORDS, **NO_CHARS, **NO_EVIDENCE},
        config="transformer",
        images="off",
    ),
    Row(
        "tc",
        "Transformer, characters",
        "T+C",
        {**NO_WORDS, **NO_EVIDENCE},
        config="transformer",
        images="off",
    ),
    Row(
        "twc-concat",
        "Transformer, words, characters, concatenated",
        "T+W+C",
        {**NO_EVIDENCE, **CONCAT},
        config="transformer",
        images="off",
    ),
    Row(
        "twc",
        "Transformer, words, characters, modality attention",
        "T+W+C",
        NO_EVIDENCE,
        config="transformer",
        images="off",
    ),
    Row("twcv", "Transformer profile", "T+W+C+V", config="transformer"),
    Row(
        "twcv-shuffled",
        "Transformer profile, pictures of other posts",
        "T+W+C+V",
        config="transformer",
        images="shuffled",
    ),
)

ROWS: Dict[str, Row] = {row.name: row for row in (*PAPER_ROWS, *MORE_ROWS, *TRANSFORMER_ROWS)}


def choose_rows(names: str) -> List[Row]:
    """Rows by name, in the order of the table.

    names (str): "paper" (the eight of Table 1), "all" (those and their variants), "transformer" (all that
        need a transformer), or names with commas between, of which these may be some.
    RAISES (ValueError): M121 for a name that is not known.
    """
    chosen = set()
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name == "all":
            chosen |= {row.name for row in (*PAPER_ROWS, *MORE_ROWS)}
        elif name == "transformer":
            chosen |= {row.name for row in TRANSFORMER_ROWS}
        elif name == "paper":
            chosen |= {row.name for row in PAPER_ROWS}
        elif name in ROWS:
            chosen.add(name)
        else:
            paper, more = (
                ", ".join(row.name for row in rows)
                for rows in (PAPER_ROWS, (*MORE_ROWS, *TRANSFORMER_ROWS))
            )
            raise ValueError(Errors.M121.format(name=name, paper=paper, more=more))
    return [row for row in ROWS.values() if row.name in chosen]
