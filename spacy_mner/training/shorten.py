"""What an encoder of Hugging Face reads for addresses, users' names and words that are written together."""

from typing import Any, Optional

# `\S+` as in most tokenizers for tweets: an address ends at white space.
URL = r"https?://\S+"
# Neither in the middle of a word (an e-mail address) nor "@" on its own.
MENTION = r"(?<![\w@])@\w+"
# Where a capital and a small letter follow two small letters, but not in a hashtag: not in "McAnn" or "iPad".
# Oniguruma looks back over a fixed number of characters only, so there is a condition for each.
_LONGEST = 40
JOINT = (
    "".join(rf"(?<!#\w{{{n}}})" for n in range(2, _LONGEST))
    + "(?<=[[:lower:]]{2})(?=[[:upper:]][[:lower:]])"
)


def shorten(tokenizer: Any, url: Optional[str], mention: Optional[str], split_words: bool) -> None:
    """Change what a tokenizer does to a text before it cuts it into sub-tokens.

    The cuts in words must come before the tokenizer's own normalization, which may lower the capitals.

    tokenizer (tokenizers.Tokenizer): changed in place. The change is saved with it.
    url, mention, split_words: see `create_prepare_transformer_v1`.
    """
    from tokenizers import Regex, normalizers

    changes = [(URL, url), (MENTION, mention), (JOINT, " " if split_words else None)]
    steps = [
        normalizers.Replace(Regex(pattern), text) for pattern, text in changes if text is not None
    ]
    # None where a tokenizer takes texts as they are.
    own = [tokenizer.normalizer] if tokenizer.normalizer is not None else []
    tokenizer.normalizer = normalizers.Sequence([*steps, *own])
