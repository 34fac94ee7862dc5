"""Colours of the entity types, for displaCy and the report."""

from typing import Dict

# Light enough for black text (contrast of at least 10:1), far enough apart in hue to be told from
# one another, also with the common colour-vision deficiencies, where lightness differs as well.
# Found by displaCy through the entry point `spacy_displacy_colors`.
COLORS: Dict[str, str] = {
    "PER": "#ffd08a",
    "LOC": "#a8dfb4",
    "ORG": "#a9ccf5",
    "MISC": "#dec4f2",
    "OTHER": "#f6c3cd",
}
