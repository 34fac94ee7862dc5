"""Results as `spacy mner evaluate` writes them, with figures that can be told apart."""

from typing import Any, Dict


def make_result(images: str, f: float, **changes: Any) -> Dict[str, Any]:
    part = {"n_posts": 2, "n_entities": 2, "ents_f": f + 0.01}
    result = {
        "images": images,
        "ents_p": f,
        "ents_r": f,
        "ents_f": f,
        "ents_seg_p": f + 0.1,
        "ents_seg_r": f + 0.1,
        "ents_seg_f": f + 0.1,
        "ents_macro_f": f - 0.1,
        "ents_per_type": {"PER": {"p": f, "r": f, "f": f + 0.02}},
        "n_posts": 3,
        "n_tokens": 12,
        "n_entities": 4,
        "n_entities_per_type": {"PER": 4},
        "n_with_image": 2,
        "with_image": part,
        "without_image": {**part, "n_posts": 1},
        "seen": {"n_entities": 3, "ents_r": f + 0.03, "ents_seg_r": f},
        "unseen": {"n_entities": 1, "ents_r": f - 0.03, "ents_seg_r": f},
        "model": "training/model-best",
        "data": "corpus/test.spacy",
        "command": f"python -m spacy mner evaluate M D --images {images}",
        "examples": [
            {
                "index": 6,
                "id": "a",
                "text": "Daisy at home",
                "has_image": True,
                "gold": [{"start": 0, "end": 5, "label": "PER"}],
                "predicted": [],
            },
            {
                "index": 8,
                "id": "b",
                "text": "Java and <b>tea</b>",
                "has_image": False,
                "gold": [{"start": 0, "end": 4, "label": "LOC"}],
                "predicted": [{"start": 0, "end": 4, "label": "ORG" if images == "off" else "LOC"}],
            },
        ],
    }
    return {**result, **changes}
