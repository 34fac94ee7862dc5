"""Named entities in short social posts, from their words, their spelling and their picture."""

from .about import __version__
from .codecs import remember_codecs
from .extensions import set_extensions

__all__ = ["__version__", "set_extensions"]

remember_codecs()
