"""The model that `nlp.add_pipe("mner")` builds where the config says nothing else."""

from thinc.api import Config

DEFAULT_MODEL_CONFIG = """
[model]
@architectures = "spacy_mner.MultimodalTagger.v1"
width = 150
tok2vec = null

[model.modalities]

[model.modalities.word]
@architectures = "spacy_mner.WordVectors.v1"
unknown = "zero"
trainable = true
shape_width = 10
word_dropout = 0.1
dropout = 0.25

[model.modalities.char]
@architectures = "spacy_mner.CharBiLSTM.v1"
embed_width = 30
hidden_width = 50
dropout = 0.25

[model.fusion]
@architectures = "spacy_mner.ModalityAttention.v1"
squash = "sigmoid"

[model.encoder]
@architectures = "spacy_mner.BiLSTM.v1"
hidden_width = 200

[model.decoder]
@architectures = "spacy_mner.CRF.v1"

[model.evidence]
@architectures = "spacy_mner.LabelBias.v1"
n_folds = 5
"""
DEFAULT_MODEL = Config().from_str(DEFAULT_MODEL_CONFIG)["model"]
