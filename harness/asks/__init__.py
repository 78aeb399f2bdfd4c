"""The kinds of question that a model can be asked, one module each; a new kind is one new file."""

from harness.asks._base import NOT_FINITE, Ask, Probing, ask_named, require

__all__ = ["NOT_FINITE", "Ask", "Probing", "ask_named", "require"]
