__title__ = "spacy_mner"
__version__ = "0.1.0"
