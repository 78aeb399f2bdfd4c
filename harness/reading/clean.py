"""Cleaning what models write: characters that nobody sees, thinking, and the marks of chat templates.

Every reader and every metric works on text that went through :func:`visible`; a suite takes an answer's thinking
away before anything else looks at it.
"""

import re
import unicodedata
from typing import Final

from harness.reading.lazily import lazily

# What Unicode calls default ignorable (DerivedCoreProperties.txt, 16.0), and the marks of interlinear annotations.
_HIDDEN: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SPACES: Final = {ord(space): " " for space in "\u00a0\u1680\u202f\u205f\u3000"} | dict.fromkeys(
    range(0x2000, 0x200B), " "
)
_BREAKS: Final = {0x85: "\n", 0x2028: "\n", 0x2029: "\n"}
_PLAIN: Final = _SPACES | _BREAKS
_UNSEEN: Final = lazily(f"[{_HIDDEN}]+")
_TO_CLEAN: Final = lazily(f"[{_HIDDEN}{''.join(map(chr, _PLAIN))}]")
_NARROW: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_MOST_MARKS: Final = 1000
"""Combining marks on one letter, from which on a text is left as it is: to order them takes quadratic time."""


def visible(text: str) -> str:
    r"""Return ``text`` without characters that nobody sees, with plain spaces, in Unicode form NFC.

    Byte-order marks, zero-width and direction marks, soft hyphens and variation selectors are dropped; no-break,
    thin and ideographic spaces become plain ones, Unicode's line and paragraph separators line feeds. What can be
    seen stays, full-width forms too (see :func:`narrow`). Applied twice it changes nothing more.

    >>> visible("\ufeff4\u200b2\u00a0km"), visible("cafe\u0301"), visible("\uff14")
    ('42 km', 'café', '４')
    """
    if text.isascii():
        return text
    # Most texts with an accent hold nothing to clean, and a table costs three times the search.
    return composed(_UNSEEN.sub("", text).translate(_PLAIN) if _TO_CLEAN.search(text) else text)


def composed(text: str) -> str:
    r"""Return ``text`` in Unicode form NFC; as it is where a letter carries a thousand marks, to stay linear.

    >>> composed("e\u0301")
    'é'
    """
    if text.isascii() or (len(text) > _MOST_MARKS and _piled(text)):
        return text
    return unicodedata.normalize("NFC", text)


def _piled(text: str) -> bool:
    """Say whether so many combining marks stand in a row that no language wrote them."""
    run = 0
    for char in text:
        run = run + 1 if unicodedata.combining(char) else 0
        if run > _MOST_MARKS:
            return True
    return False


def narrow(text: str) -> str:
    """Return ``text`` with full-width letters, digits and marks as ASCII, place by place: for readers.

    >>> narrow("（Ｂ）　４２％")
    '(B) 42%'
    """
    return text if text.isascii() else text.translate(_NARROW)


# Thinking. Names may have a prefix: seed:think, longcat_think. Square brackets are Mistral's, in capitals only; the
# triangles Kimi's; <|START_THINKING|> Cohere's, <|begin_of_thought|> Sky-T1's, <|inner_prefix|> Apertus's.
_NAMES: Final = (
    "(?:[a-z]{1,12}[:_])?(?:think(?:ing)?|thoughts?|reason(?:ing)?|analysis|scratchpad|reflection|cot|monologue)|"
    "(?:思考|推理)(?:过程)?"
)
_TAG: Final = lazily(
    rf"<\s{{0,2}}(?P<a>/?)\s{{0,2}}(?i:(?:{_NAMES}))\s{{0,2}}>|\[(?P<b>/?)(?:THINK|THINKING|REASONING)\]|◁(?P<c>/?)think▷|"
    r"<\|(?:START|(?P<d>END))_THINKING\|>|<\|(?:begin|(?P<e>end))_of_thought\|>|<\|inner_(?:prefix|(?P<f>suffix))\|>|"
    r"<\|channel>thought\b|(?P<g><channel\|>)|<unused94>thought\b|(?P<h><unused95>)|"
    r"<\|(?P<i>/?)(?:think(?:ing)?|thought|reasoning)\|>"
)
_QUOTES: Final = "`'\"‘’“”«»„"
_QUOTE_ENDS: Final = lazily(r"[A-Za-z0-9.!?)\]}%`].\Z")
_CALLED_ONE: Final = lazily(r"\s{1,2}(?:tag|token)s?\b", re.IGNORECASE)

_CHANNEL: Final = lazily(r"<\|channel\|>\s{0,3}(\w{1,20})[^<]{0,80}(?:<\|constrain\|>[^<]{0,80})?<\|message\|>")
_MESSAGE_END: Final = lazily(r"<\|(?:end|return|call|start|channel)\|>")
_BARE_CHANNELS: Final = lazily(r"\s{0,9}analysis(?=[A-Z])")
"""What is left of channels where the server dropped their marks: "analysisWe look …assistantfinal42"."""

# The marks of chat templates. What follows the end of a turn is another's turn.
_TURN_END: Final = lazily(
    r"<\|(?:im_end|endoftext|eot_id|eom_id|end_of_text|end|return|call|eos|end_of_turn_token|END_OF_TURN_TOKEN|"
    r"end_of_sentence|user|observation)\|>|<(?:end_of_turn|end_of_utterance|turn\|)>|<｜end▁of▁sentence｜>"
)
_PLACING: Final = (
    r"(?:begin_of_|end_of_)(?:box|solution)\|>|/?(?:object_ref|ref|box|det|quad|point|grounding)(?:_start|_end)?\|>"
)
"""Marks that say what an answer is, or where in the image something lies: readers need them."""
_MARK: Final = lazily(
    rf"<\|(?!{_PLACING})[A-Za-z][\w./-]{{0,39}}\|>|<｜[^｜<>\s]{{1,40}}｜>|"
    r"<(?:start_of_turn|bos|eos|pad)>(?:model\b)?"
)
_AT_START: Final = lazily(rf"(?:\s|<s>|\[/INST\]|<\|(?!{_PLACING})\w{{1,40}}\|>(?:assistant\b)?){{1,50}}")
_AT_END: Final = lazily(r"(?:\s|</s>|<s>|\[/?INST\])+\Z")
_BOXED: Final = lazily(r"\s*<\|begin_of_box\|>(.*?)(?:<\|end_of_box\|>\s*)?", re.DOTALL)


def strip_thinking(text: str) -> str | None:
    """Return the answer without thinking and without the marks of chat templates.

    Known are ``<think>``, ``<thinking>``, ``<thought>``, ``<reasoning>`` (with a prefix too: ``<seed:think>``),
    ``[THINK]``, ``◁think▷``, Cohere's, Sky-T1's and Apertus's tokens, and the channels of gpt-oss, of which the last
    final message is the answer. An end without a beginning ends what the prompt began. A tag in quotes or back
    ticks, or one that is called a tag, is spoken of and stays. What follows the end of a turn is left out.

    Returns:
        The answer, which may be empty; None where a block never ends, since the answer was never reached.

    >>> strip_thinking("<think>41? no</think> 42<|im_end|>"), strip_thinking("<think>41? no")
    ('42', None)
    >>> strip_thinking("<|channel|>analysis<|message|>41<|end|><|channel|>final<|message|>42")
    '42'
    >>> strip_thinking("It writes `<think>` first.")
    'It writes `<think>` first.'
    """
    channels = _final_channel(text)
    if channels is None:
        return None
    kept = _without_blocks(channels)
    return None if kept is None else strip_marks(kept)


def strip_marks(text: str) -> str:
    """Return a text without the special tokens of chat templates: what stands before the end of its turn.

    The marks of a boxed answer go where the box is all there is; else they stay, since they state the answer.

    >>> strip_marks("<|im_start|>assistant 42<|im_end|><|endoftext|>"), strip_marks("<|begin_of_box|>7<|end_of_box|>")
    ('42', '7')
    """
    if "<" not in text and "[" not in text:
        return text.strip()
    start = _AT_START.match(text)
    text = text[start.end() :] if start else text
    for end in _TURN_END.finditer(text):
        if _spoken_of(text, end):
            continue
        if before := text[: end.start()].strip():
            text = before
            break
    text = _MARK.sub(lambda mark: mark[0] if _spoken_of(text, mark) else "", text).rstrip()
    text = _trimmed_end(text).strip()
    boxed = _BOXED.fullmatch(text)
    return boxed[1].strip() if boxed and "<|" not in boxed[1] else text


def _trimmed_end(text: str) -> str:
    tail = max(0, len(text) - 200)
    end = _AT_END.search(text, tail) if text.endswith(("s>", "]")) else None
    return text[: end.start()] if end else text


def _spoken_of(text: str, mark: re.Match[str]) -> bool:
    """Say whether a tag is mentioned rather than used: it stands in quotes, or is called a tag."""
    before, after = text[max(0, mark.start() - 1) : mark.start()], text[mark.end() : mark.end() + 1]
    quoted = before in _QUOTES and after in _QUOTES and bool(before and after)
    if quoted and _QUOTE_ENDS.search(text, max(0, mark.start() - 2), mark.start()):
        quoted = False  # the quote before ends what was quoted, or a fence, as in "41"</think>"42"
    return quoted or bool(before and _CALLED_ONE.match(text, mark.end()))


def _final_channel(text: str) -> str | None:
    """Return the last final message of an answer in channels; another text as it is, None where none is final."""
    if "<|channel|>" not in text:
        if not _BARE_CHANNELS.match(text):
            return text
        _, found, rest = text.rpartition("assistantfinal")
        return rest if found else None
    channels = [found for found in _CHANNEL.finditer(text) if not _spoken_of(text, found)]
    final = [found for found in channels if found[1] == "final"]
    if not channels:
        return text
    if not final:
        return None
    end = _MESSAGE_END.search(text, final[-1].end())
    return text[final[-1].end() : end.start() if end else len(text)]


def _without_blocks(text: str) -> str | None:
    if "<" not in text and "[" not in text and "◁" not in text:  # with one of them each tag begins
        return text.strip()
    tags = [(tag.start(), tag.end(), _closes(tag)) for tag in _TAG.finditer(text) if not _spoken_of(text, tag)]
    kept: list[str] = []
    start, place, end_of_text = 0, 0, len(text.rstrip())
    while place < len(tags):
        at, after, closing = tags[place]
        if closing:
            # Some chat templates open the block in the prompt, so that only its end is in the answer. An end that
            # nothing follows, after a block that was whole, is one too many.
            if not start or after < end_of_text:
                kept.clear()
            else:
                kept.append(text[start:at])
            start, place = after, place + 1
            continue
        kept.append(text[start:at])
        end = _end_of_block(tags, place)
        if end is None:
            return None
        start, place = tags[end][1], end + 1
    return "".join([*kept, text[start:]]).strip()


def _closes(tag: re.Match[str]) -> bool:
    return any(tag.groupdict().values())


def _end_of_block(tags: list[tuple[int, int, bool]], place: int) -> int | None:
    """Return which tag ends the block that ``place`` begins: its own end, or the last end where they don't pair."""
    depth, last = 0, None
    for i in range(place, len(tags)):
        closing = tags[i][2]
        depth += -1 if closing else 1
        if closing:
            last = i
        if not depth:
            return i
    return last
