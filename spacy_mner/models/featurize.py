"""From docs to a `Batch`: what the torch module reads."""

from typing import List, Optional, Sequence

import numpy as np
import torch
from spacy.attrs import ORTH
from spacy.tokens import Doc

from .blueprint import Blueprint
from .cache import FormCache, vectors_key
from .types import Batch, to_device


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
    cache (Optional[FormCache]): for prediction; None in training, where every form is computed.
    RETURNS (Batch): the features on the device.
    """
    lengths = [len(doc) for doc in docs]
    orths = np.concatenate([doc.to_array(ORTH) for doc in docs])
    unique, inverse = np.unique(orths, return_inverse=True)
    forms: List[int] = unique.tolist()
    new_slots = None
    if cache is not None and cache.fits(len(forms)):
        slots, new = cache.look_up(forms, vectors_key(docs[0].vocab.vectors))
        inverse = np.asarray(slots, dtype=np.int64)[inverse]
        new_slots = torch.tensor([slots[i] for i in new], dtype=torch.int64, device=device)
        forms = [forms[i] for i in new]
    mask = np.arange(max(lengths)) < np.asarray(lengths)[:, None]
    index = np.zeros(mask.shape, dtype=np.int64)
    index[mask] = inverse
    vocab = docs[0].vocab
    texts = [vocab.strings[form] for form in forms]
    return Batch(
        lengths=lengths,
        mask=torch.from_numpy(mask).to(device),
        form_index=torch.from_numpy(index).to(device),
        forms={
            name: to_device(part.featurize_forms(texts, vocab), device)
            for name, part in blueprint.forms.items()
        },
        new_slots=new_slots,
        docs={
            name: to_device(part.featurize_docs(docs), device)
            for name, part in blueprint.docs.items()
        },
        evidence=(
            None
            if blueprint.evidence is None
            else to_device(blueprint.evidence.featurize_docs(docs), device)
        ),
    )
