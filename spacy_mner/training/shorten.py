"""What an encoder of Hugging Face reads for addresses, users' names and hashtags."""

from typing import Any, Optional

# `\S+` as in most tokenizers for tweets: an address ends at white space.
URL = r"https?://\S+"
# Neither in the middle of a word (an e-mail address) nor "@" on its own.
MENTION = r"(?<![\w@])@\w+"
# Between a small letter and a capital of a hashtag. Oniguruma looks back over a fixed number of
# characters only, so there is an alternative for each: hashtags are cut as far as this many letters.
_LONGEST = 40
HASHTAG = "|".join(rf"(?<=#\w{{{n}}}[[:lower:]])(?=[[:upper:]])" for n in range(_LONGEST))


def shorten(
    tokenizer: Any,
    url: Optional[str] = "http",
    mention: Optional[str] = "@user",
    split_hashtags: bool = True,
) -> None:
    """Change what a tokenizer does to a text before it cuts it into sub-tokens.

    The cuts in hashtags must come before the tokenizer's own normalization, which may lower the capitals.

    tokenizer (tokenizers.Tokenizer): changed in place. The change is saved with it.
    url, mention, split_hashtags: see `create_prepare_transformer_v1`.
    """
    from tokenizers import Regex, normalizers

    changes = [(URL, url), (MENTION, mention), (HASHTAG, " " if split_hashtags else None)]
    steps = [
        normalizers.Replace(Regex(pattern), text) for pattern, text in changes if text is not None
    ]
    # None where a tokenizer takes texts as they are.
    own = [tokenizer.normalizer] if tokenizer.normalizer is not None else []
    tokenizer.normalizer = normalizers.Sequence([*steps, *own])
