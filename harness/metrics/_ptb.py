"""Words as the Penn Treebank cuts them, as far as captions need it: what the public evaluation of COCO captions counts.

That evaluation runs the tokenizer of Stanford CoreNLP 3.4.1 (Java), in lower case, and then takes out most punctuation.
Here its rules for words, contractions, abbreviations, numbers, money, quotes, brackets and dashes are written anew; its
rules for smileys, markup and telephone numbers are not. ``tests/metrics/peers/coco_caption.json`` holds what the Java
program makes of some hundred captions.
"""

import re
from typing import Final

_TAKEN_OUT: Final = frozenset(["'", '"', ".", "?", "!", ",", ":", "-", "--", ";"])
"""As published; its names for brackets are upper case there, and so take out nothing of a text in lower case."""

_SAME: Final = str.maketrans({
    "’": "'", "‘": "'", "`": "'", "´": "'", "“": '"', "”": '"', "«": '"', "»": '"',
    "–": " -- ", "—": " -- ", "…": " ... ",
    "(": " -lrb- ", ")": " -rrb- ", "[": " -lsb- ", "]": " -rsb- ", "{": " -lcb- ", "}": " -rcb- ", "€": " $ ",
    "£": " # ", "½": " 1/2 ", "¼": " 1/4 ", "¾": " 3/4 ", "¢": " cents ",
})  # fmt: skip

_PART: Final = r"(?:\d{1,99}(?:[.,:]\d{1,99}){0,9}[^\W_]{0,99}|[^\W_]{1,99})"
_ABBREVIATIONS: Final = (
    "mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|inc|co|corp|ltd|ave|blvd|rd|mt|gen|rep|sen|gov|lt|sgt|capt|col|ft|"
    "jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec"
)
_TOKEN: Final = re.compile(
    rf"""
      https?://\S{{1,2000}}
    | [^\W_][\w.+-]{{0,64}}@[^\W_][\w-]{{0,64}}(?:\.[\w-]{{1,64}}){{0,9}}
    | (?-i:[A-Z]{{1,9}}&[A-Z]{{1,9}})(?![^\W_])
    | -(?:lrb|rrb|lsb|rsb|lcb|rcb)-
    | [@\#](?=[^\W\d_])\w{{1,99}}                          # a name, a tag
    | [^\W\d_](?:\.[^\W\d_]){{1,9}}\.(?!\w)                # u.s., i.e.
    | (?:{_ABBREVIATIONS})\.(?!\w)
    | [^\W\d_]\.(?!\w)                                     # an initial
    | {_PART}\.(?=[,;:])                                    # no end of a sentence, so it must be short for something
    | nos?\.(?=\s{{0,9}}\d)
    | '(?:em|cause|n'?|\d\ds)(?![^\W_])
    | 't(?=is\b|was\b)
    | can(?=not\b) | gon(?=na\b) | wan(?=na\b) | got(?=ta\b) | gim(?=me\b) | lem(?=me\b)
    | (?:o|d|l|c)'[^\W\d_]{{2,99}} | ma'am\b | d'ye\b
    | y'(?=all\b)
    | [^\W\d_]{{1,99}}(?=n't(?![^\W_])) | n't(?![^\W_])
    | '(?:s|m|d|re|ve|ll)(?![^\W_])
    | [-+]?\.?\d{{1,99}}(?:[.,:]\d{{1,99}}){{0,9}}[^\W_]{{0,99}}(?:[-/]{_PART}){{0,99}}
    | {_PART}(?:[-/_.]{_PART}){{0,99}}
    | \.{{3}}\.{{0,999}} | --+
    | [!?]{{2,999}}
    | \S
    """,
    re.IGNORECASE | re.VERBOSE,
)


def ptb_tokens(text: str) -> list[str]:
    """Return the words of a caption, in lower case, as the public evaluation of COCO captions counts them.

    >>> ptb_tokens("A man's T-shirt says 'no', and it isn't $3.50...")
    ['a', 'man', "'s", 't-shirt', 'says', 'no', 'and', 'it', 'is', "n't", '$', '3.50']
    """
    found = _TOKEN.findall(text.translate(_SAME))
    return [token.lower() for token in found if token not in _TAKEN_OUT and not token.startswith(("...", "---"))]
