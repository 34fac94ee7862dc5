"""Noise as on social media, put on tagged words so that the tags stay in line."""

from dataclasses import dataclass
from random import Random

from sample_sentences import EMOJI, EXCLAMATIONS, HASHTAGS, SHORT_FORMS, USER_PARTS

Tagged = list[tuple[str, str]]


@dataclass(frozen=True)
class Style:
    """How a writer treats capitals and names.

    case (str): "lower", "upper" (all letters) or "keep".
    capital_names (bool): Give tagged words a capital, whether they name an entity or not.
    capital_first (bool): Give the first word a capital.
    hashtag (bool): Tagged single words become hashtags.
    """

    case: str = "keep"
    capital_names: bool = False
    capital_first: bool = False
    hashtag: bool = False

    @classmethod
    def draw_open(cls, rng: Random) -> "Style":
        """Draw a style for a post whose tagged words may or may not be names."""
        case = rng.choices(["lower", "keep", "upper"], [45, 45, 10])[0]
        return cls(case, True, rng.random() < 0.3, rng.random() < 0.08)

    @classmethod
    def draw_clear(cls, rng: Random) -> "Style":
        """Draw a style for a post whose names have their capitals already."""
        case = rng.choices(["lower", "keep", "upper"], [30, 65, 5])[0]
        return cls(case, False, rng.random() < 0.4, rng.random() < 0.04)


def add_noise(rng: Random, words: Tagged, style: Style) -> Tagged:
    """Add what people add: typos, stretched words, users, hashtags, emoji, addresses.

    rng (Random): Source of randomness.
    words (List[Tuple[str, str]]): Words with their tags; the tag is "" for words that carry no
        meaning to be kept, which alone are misspelt.
    style (Style): Treatment of capitals and names.
    RETURNS (List[Tuple[str, str]]): The noisy words with tags; "" is kept for words outside names.
    """
    noisy = [(word if tag else _misspell(rng, word), tag) for word, tag in words]
    noisy = [(_set_case(word, tag, style, i == 0), tag) for i, (word, tag) in enumerate(noisy)]
    if style.hashtag:
        noisy = _tag_names(noisy)
    return [*_opening(rng), *noisy, *_closing(rng)]


def _set_case(word: str, tag: str, style: Style, is_first: bool) -> str:
    if style.case == "lower":
        return word.lower()
    if style.case == "upper":
        return word.upper()
    if (tag and style.capital_names) or (is_first and style.capital_first):
        return word[:1].upper() + word[1:]
    return word


def _tag_names(words: Tagged) -> Tagged:
    after = [tag for _, tag in words[1:]] + [""]
    return [
        (f"#{word}", tag)
        if tag and tag[0] != "I" and following[:1] != "I" and word.isalpha()
        else (word, tag)
        for (word, tag), following in zip(words, after, strict=True)
    ]


def _misspell(rng: Random, word: str) -> str:
    chance = rng.random()
    if not word.isalpha() or len(word) < 3 or chance > 0.2:
        return word
    if chance < 0.03 and len(word) > 4:
        i = rng.randrange(1, len(word) - 2)
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    if chance < 0.05 and len(word) > 4:
        i = rng.randrange(1, len(word))
        return word[:i] + word[i + 1 :]
    if chance < 0.08:
        return _stretch(rng, word)
    return SHORT_FORMS.get(word, word)


def _stretch(rng: Random, word: str) -> str:
    vowels = [i for i, letter in enumerate(word) if letter in "aeiouy"]
    if not vowels:
        return word
    i = vowels[-1]
    return word[:i] + word[i] * rng.randint(3, 5) + word[i + 1 :]


def _opening(rng: Random) -> Tagged:
    opening = []
    if rng.random() < 0.12:
        opening.append(_user(rng))
    if rng.random() < 0.08:
        opening.append(rng.choice(EXCLAMATIONS))
    return [(word, "") for word in opening]


def _closing(rng: Random) -> Tagged:
    closing = []
    if rng.random() < 0.2:
        closing.append(rng.choice(EXCLAMATIONS))
    if rng.random() < 0.3:
        closing += [rng.choice(EMOJI)] * rng.choice([1, 1, 1, 2, 3])
    if rng.random() < 0.25:
        closing += rng.sample(HASHTAGS, rng.randint(1, 2))
    if rng.random() < 0.08:
        closing += ["with", _user(rng)]
    if rng.random() < 0.2:
        letters = "abcdefghijkmnpqrstuvwxyz23456789"
        closing.append("https://pic.example/" + "".join(rng.choices(letters, k=6)))
    return [(word, "") for word in closing]


def _user(rng: Random) -> str:
    adjectives, nouns = USER_PARTS
    return f"@{rng.choice(adjectives)}{rng.choice(nouns)}{rng.choice(['', '_', '99', '7', '_x'])}"
