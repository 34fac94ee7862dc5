"""From docs to a `Batch`: what the torch module reads."""

from typing import Dict, List, Optional, Sequence

import numpy as np
import torch
from spacy.attrs import ORTH
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..errors import Errors
from .blueprint import Blueprint
from .cache import FormCache
from .types import Batch, Features, to_device


def featurize(
    blueprint: Blueprint,
    docs: Sequence[Doc],
    device: torch.device,
    *,
    cache: Optional[FormCache] = None,
) -> Batch:
    """Make the features of a batch of docs. Padding points to the first form; the mask hides it.

    blueprint (Blueprint): an initialized blueprint.
    docs (Sequence[Doc]): B docs of one vocab, at least one with tokens.
    device (torch.device): where the module is.
    cache (Optional[FormCache]): the network's, for prediction; None in training, where every form is
        transformed, but the features of a form are looked up once.
    RETURNS (Batch): the features on the device.
    RAISES (ValueError): M014 for docs of several vocabs.
    """
    vocab = docs[0].vocab
    if any(doc.vocab is not vocab for doc in docs):
        raise ValueError(Errors.M014)
    lengths = [len(doc) for doc in docs]
    orths = np.concatenate([doc.to_array(ORTH) for doc in docs])
    unique, inverse = np.unique(orths, return_inverse=True)
    forms: List[int] = unique.tolist()
    new_slots = None
    if cache is None:
        features = _known_features(blueprint, forms, vocab)
    elif cache.fits(len(forms)):
        slots, new = cache.look_up(forms, vocab.vectors)
        inverse = np.asarray(slots, dtype=np.int64)[inverse]
        new_slots = torch.tensor([slots[i] for i in new], dtype=torch.int64, device=device)
        features = _features(blueprint, [forms[i] for i in new], vocab)
    else:
        features = _features(blueprint, forms, vocab)
    mask = np.arange(max(lengths)) < np.asarray(lengths)[:, None]
    index = np.zeros(mask.shape, dtype=np.int64)
    index[mask] = inverse
    return Batch(
        lengths=lengths,
        mask=torch.from_numpy(mask).to(device),
        form_index=torch.from_numpy(index).to(device),
        forms={name: to_device(values, device) for name, values in features.items()},
        new_slots=new_slots,
        docs={
            name: to_device(part.featurize_docs(docs), device)
            for name, part in blueprint.docs.items()
        },
        initial_state=(
            None
            if blueprint.initial_state is None
            else to_device(blueprint.initial_state.featurize_docs(docs), device)
        ),
        evidence=(
            None
            if blueprint.evidence is None
            else to_device(blueprint.evidence.featurize_docs(docs), device)
        ),
    )


def _features(blueprint: Blueprint, forms: Sequence[int], vocab: Vocab) -> Dict[str, Features]:
    """The features of U forms, by modality."""
    texts = [vocab.strings[form] for form in forms]
    return {name: part.featurize_forms(texts, vocab) for name, part in blueprint.forms.items()}


def _known_features(blueprint: Blueprint, forms: List[int], vocab: Vocab) -> Dict[str, Features]:
    """The same, where only the forms that were never seen are computed: training sees the same
    forms again at every epoch."""
    cache = blueprint.features
    if not cache.fits(len(forms)):
        return _features(blueprint, forms, vocab)
    try:
        slots, new = cache.look_up(forms, vocab.vectors)
        computed = _features(blueprint, [forms[i] for i in new], vocab)
        tables = cache.update(
            torch.tensor([slots[i] for i in new], dtype=torch.int64),
            {f"{m} {f}": rows for m, part in computed.items() for f, rows in part.items()},
        )
    except BaseException:
        # Slots that were given out but never filled must not be read by the next batch.
        cache.clear()
        raise
    index = torch.tensor(slots, dtype=torch.int64)
    return {
        m: {f: tables[f"{m} {f}"].index_select(0, index) for f in part}
        for m, part in computed.items()
    }
