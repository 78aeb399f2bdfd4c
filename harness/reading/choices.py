"""The letter of a multiple-choice answer: the one that is stated, before those that are mentioned."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from harness.reading.clean import narrow, visible
from harness.reading.folded import folded
from harness.reading.found import Found, Reading, agreed, nothing
from harness.reading.json import read_json
from harness.reading.lazily import lazily
from harness.reading.stated import statements, unmarked

_ANY: Final = r"[(\[]([A-Za-z])[)\]]"
_OPTION: Final = (
    r"(?:options?|choices?|antwort|buchstabe|lettre|lettera|letra|opci[óo]n|op[çc][ãa]o|opzione|r[ée]ponse|respuesta|"
    r"resposta|risposta|alternativ[ea]|选项|選項|選択肢)"
)
_BARE: Final = rf"(?:(?:the\s)?(?i:{_OPTION})\s{{0,2}})?[\"'“(\[]?([A-Z])(?![A-Za-z0-9'’])[)\]\"'”]?"

_ALONE: Final = lazily(
    rf"[\s\"'“(\[{{*_<`$]{{0,6}}(?:{_OPTION}\s{{1,2}})?[(\[]?([A-Za-z])[\s\"'”)\]}}*_>`$.:,。、!]{{0,6}}", re.IGNORECASE
)
_HEAD: Final = lazily(
    rf"[\s\"'“*_$`]{{0,9}}(?:\\(?:text|math)(?:rm|bf|it)?\{{)?(?:(?i:the|die|la|le)\s)?(?:(?i:{_OPTION})\s{{1,2}})?"
    r"(?:[(\[](?P<a>[A-Za-z])[)\]]|(?P<b>[A-Za-z])(?=[).:]|\*\*|\"|'\s|”)|(?P<c>[A-Z])(?![\w'’])|"
    r"(?P<d>[a-z])(?=\s{0,3}(?:[,;!。\n]|\Z)))"
)
_AFTER_BARE: Final = lazily(
    r"[\"'”)\]*_$`}]{0,4}\s*(?:\Z|[.,;:!)。、，|–—\n]|-(?!\w)|\n|\(|\[|because\b|since\b|as\s|for\s|is\s|weil\b|denn\b|car\b|"
    r"parce\b|porque\b|perch|因|です|and\s{1,2}not\b|not\b|instead\b|rather\b)",
    re.IGNORECASE,
)
_HEDGED: Final = (
    r"\s{1,2}(?:or|oder|ou|o)\s{1,2}(?:maybe|perhaps|possibly|even|vielleicht|peut-être|quizás?|talvez|forse)\s|"
    r"\s{0,2}[,(]\s{0,2}(?:or\s|and\s)?(?:maybe|perhaps|possibly)\s|"
    r",?\s{1,2}(?:but|though|or|and)\s{1,2}(?:it\s{1,2})?(?:could|might|may)\s{1,2}(?:also\s|well\s)?be\s"
)
_FIRST_OF: Final = r"(?<![A-Za-z0-9'’])[(\[]?([A-Z])[)\]]?"
_SECOND_OF: Final = r"(?:(?:option|choice)\s)?(?=[(\[]?([A-Z])(?![A-Za-z0-9'’]))"
_DOUBTED: Final = lazily(rf"{_FIRST_OF}(?:{_HEDGED}){_SECOND_OF}")
_JOINED: Final = lazily(
    rf"{_FIRST_OF}(?:{_HEDGED}|\s{{0,2}}[,/&、]\s{{0,2}}(?:and\s|or\s)?|"
    rf"\s{{1,2}}(?:and|or|oder|und|ou|et|o|y|e)(?:/or)?\s{{1,2}}|\s{{0,2}}(?:或者?|和|と|か)\s{{0,2}}){_SECOND_OF}"
)
_S: Final = r"\s{1,2}"
_END: Final = r"(?=\s{0,2}(?:[.,;:!\n]|\Z))"
_RIGHT: Final = (
    rf"is{_S}(?:\w{{4,9}}\s|the\s|most\s|the\smost\s){{0,2}}(?:correct|right|best|answer|true)\b|"
    rf"ist{_S}(?:die\s)?(?:richtig|korrekt)|est{_S}(?:la{_S}bonne|correcte?|exacte?|juste)\b|"
    rf"(?:es|está){_S}(?:la\s)?correct[ao]|(?:é|está){_S}(?:a\s)?(?:corret|cert)[ao]|è{_S}(?:la\s)?(?:corrett|giust|esatt)[ao]"
)
_CHOSEN: Final = (
    rf"\b(?:I|we)(?:['’]d|['’]ll|{_S}(?:would|will|must|should))?{_S}(?:\w{{1,9}}ly\s)?"
    rf"(?:choose|select|pick|chose|picked|selected|go{_S}with|say|vote{_S}for)"
)
_IT_IS: Final = (
    rf"(?:\b(?:let['’]?s|let{_S}me){_S}go{_S}with|\bon{_S}(?:reflection|second{_S}thoughts?),?|\bc['’]est|"
    rf"\b(?:hence|thus|therefore|so|also|donc|portanto|quindi|dunque|entonces|deshalb|daher)[,:]?)|"
    rf"\b(?:it['’]s|it{_S}is|that{_S}is|that['’]s|must{_S}be|my{_S}(?:choice|pick|guess){_S}is|but|rather)"
)
_IS_THE: Final = rf"\b(?:es|é|è|est|ist|sería|seria|sarebbe){_S}(?:la|a|die)(?:{_S}{_OPTION})?"
_YES: Final = r"(?:correct|right|true|yes|richtig|korrekt|corre[ct]t?[ao]|juste|vrai|giust[ao]|正确|正確|正解)(?!\w)"
_PICKED: Final = rf"\b(?i:ich{_S}(?:wähle|nehme)|je{_S}choisis|elijo|escojo|escolho|scelgo){_S}(?:(?:la|die|a)\s)?"
_VERDICT_FORMS: Final = (
    rf"{_BARE}{_S}(?:{_RIGHT})",
    rf"{_CHOSEN}{_S}{_BARE}",
    rf"(?i:{_IT_IS}){_S}{_BARE}(?:{_END}|(?={_S}because\b))",
    rf"\b(?i:select|choose|pick){_S}{_BARE}{_END}",
    rf"{_PICKED}{_BARE}",
    rf"(?i:{_IS_THE}){_S}(?:[(\[]([A-Za-z])[)\]]|([A-Za-z])\))",
    rf"(?i:{_IS_THE}){_S}([A-Z]){_END}",
    rf"{_BARE}[ \t]{{0,2}}(?:[:=–-]\s{{0,2}}(?i:{_YES})|[✅✔☑✓])",
    rf"[✅✔☑✓][ \t]{{0,2}}{_BARE}",
    rf"\b(?i:ist|est|es|é|è){_S}{_BARE}{_S}(?i:richtig|korrekt|correcte?|correct[ao]|corret[ao])(?!\w)",
    rf"(?i:{_OPTION}){_S}(?i:corr?ett?[ao]|correct[aeo]|cert[ao]|exact[ao]){_S}(?i:es|é|è|est){_S}(?i:l?a\s)?{_BARE}",
    r"(?:认为|認為|觉得|覺得|应该|應該|应|所以|因此|よって|したがって)(?:就?是|为|為|、)?\s?([A-Z])(?![A-Za-z0-9])",
    r"[选選](?:择|擇)?(?:项|項)?\s{0,2}:?\s{0,2}[(\[]?([A-Z])(?![A-Za-z0-9])",
    r"(?<![A-Za-z0-9])([A-Z])[)\]]?(?:项|選項|选项)?\s?(?:是|が|は)?(?:正确|正確|正解|正しい)",
    r"(?<![A-Za-z0-9])([A-Z])[)\]]?\s?(?:を選|だと思|です(?:[。.]|\Z))",
)
"""Each with one group for a letter."""
_VERDICTS: Final = lazily("|".join(_VERDICT_FORMS))
_BOLD: Final = lazily(r"\*\*[(\[]?([A-Z])[)\]]?(?:[.:)][^*\n]{0,200}|\s{1,2}[^*\n]{0,200})?\*\*")
_MENTION: Final = lazily(
    rf"{_ANY}|\b(?:{_OPTION})\s{{0,2}}[\"'“(\[*]{{0,3}}(?-i:([A-Z]))(?![A-Za-z0-9'’])"
    rf"|\b{_OPTION}\s{{1,2}}([a-z])(?=\)|\s{{0,2}}(?:[.,;:!\n]|\Z))",
    re.IGNORECASE,
)
_NOT_BEFORE: Final = lazily(
    r"(?:\bnot|n['’]t(?:\s{1,2}be)?|\bnicht|\bpas|\bnor?|\bneither|\brather\s{1,2}than|\binstead\s{1,2}of|\bexcept|"
    r"\brules?\s{1,2}out|\bruled\s{1,2}out|\beliminat(?:e|es|ed|ing)|\bexclud(?:e|es|ed|ing)|\bunlike|不是|不[选選]|排除|"
    r"[❌✗✘✖](?![ \t]*\n))"
    rf"\s{{0,2}}(?:the\s)?(?:{_OPTION}\s{{0,2}})?[\"'“(\[*]{{0,3}}\Z",
    re.IGNORECASE,
)
_TICKED: Final = lazily(r"[ \t]{0,2}[✅✔☑✓]")
_NOT_AFTER: Final = lazily(
    r"[\"'”)\]*.]{0,3}(?:[ \t]{0,2}[❌✗✘✖]|\s{0,2}[:=–-]\s{0,2}(?:wrong|incorrect|fals[eao]|falsch|faux|fausse|错|不)|"
    r":?\s{0,2}(?:is|are|was|seems|looks|would\s{1,2}be)\s{1,2}(?:\w{1,9}ly\s)?(?:wrong|incorrect|false|not\b|too\b|"
    r"ruled\s|eliminated|excluded|out\b)|isn['’]t|can['’]?(?:no)?t\b|cannot|doesn['’]t|does\s{1,2}not|ist\s{1,2}(?:falsch|nicht)|est\s{1,2}"
    r"(?:faux|fausse|incorrecte?)|n['’]est\s{1,2}pas|(?:no\s{1,2})?es\s{1,2}incorrect[ao]|no\s{1,2}es\b|não\s|está\s{1,2}(?:errad|incorret)[ao]|"
    r"(?:è|non\s{1,2}è)\s{1,2}(?:sbagliat|corrett|errat)?[ao]?|错|不[对对正]|是错|は(?:間違|誤|不正解)|ではな|不正解)",
    re.IGNORECASE,
)
_LISTED: Final = lazily(r"\n[ \t*]{0,4}[(\[]?[A-Z][)\].:]\s")
"""A line that begins with a letter: where there is a verdict, the text goes through the options."""
_NEXT_LISTED: Final = lazily(r"[^\n]{0,1000}\n\s{0,9}[*(\[]{0,3}([A-Z])[)\].:]")
_NEXT_BESIDE: Final = lazily(r"[)\]] [^.,;:!?()\[\]\n—–]{1,60} [(\[]([A-Z])[)\]]")
_SAME: Final = {
    **{0x24B6 + place: ord("A") + place for place in range(26)},
    **{0x24D0 + place: ord("a") + place for place in range(26)},
    **{start + place: ord("A") + place for start in (0x1F130, 0x1F150, 0x1F170) for place in range(26)},
}
"""Letters in circles and squares, and those that they are."""
_BOLD_TAG: Final = lazily(r"<(/?)(?:b|strong|em|i)>", re.IGNORECASE)
_STRUCK: Final = lazily(r"~~[^~\n]{1,80}~~")
_KEYED: Final = lazily(
    r"[\"'](?:final_?|correct_?|predicted_?)?(?:answer|choice|option|letter)[\"']\s{0,9}:", re.IGNORECASE
)
_ORDINALS: Final[Mapping[str, int]] = {
    word: place
    for place, words in enumerate((
        "first erste première premiere primera primeira prima 第一",
        "second zweite deuxième segunda seconda 第二",
        "third dritte troisième tercera terceira terza 第三",
        "fourth vierte quatrième cuarta quarta 第四",
        "fifth fünfte cinquième quinta 第五",
    ))
    for word in words.split()
} | dict.fromkeys(("last", "letzte", "dernière", "última", "ultima", "最后"), -1)  # fmt: skip
_PLACED: Final = lazily(
    rf"(?<!\w)({'|'.join(_ORDINALS)})(?:\s{{1,2}}|个)?(?:{_OPTION}|one|möglichkeit)(?!\w)|"
    rf"\b{_OPTION}\s{{0,2}}(?:#|no\.?\s?)?([1-9])(?![\w.%])",
    re.IGNORECASE,
)
_EAST: Final = lazily(r"[\u3040-\u30ff\u3400-\u9fff]+")
_LABEL: Final = lazily(r"\s{0,3}[(\[]?([A-Za-z])[)\].:]\s{0,3}")
_EDGE: Final = lazily(r"\A[\s\"'“”‘’«»().,:;!?*_`$\[\]。、]+|[\s\"'“”‘’«»().,:;!?*_`$\[\]。、]+\Z")
_SAID_JAPANESE: Final = lazily(r"(?:です|である|だ)\Z")
_MOST: Final = 200
"""Letters of one kind that are looked at."""


def read_choice(text: str, options: Sequence[str] = ()) -> Reading[str]:
    r"""Return the letter that an answer gives, in capitals.

    In this order: the letter or an option's words alone; what is stated after "the answer is", in a box and so on; a
    verdict ("B is correct", "I would choose B"), the letter at the beginning, or alone in the last line; a letter in
    bold; the letters that are mentioned ("(B)", "option B"); an option by its place ("the second one"); an option's
    words within the text. What comes first decides, and where its letters differ nothing is read. A letter that is
    denied ("not A", "A is wrong") is none.

    Args:
        text: the answer.
        options: what can be chosen, in the order of the letters; letters beyond them are none.

    >>> [read_choice(text).value for text in ("B", "(b) red", "A chart shows bars", "(A) or (B)")]
    ['B', 'B', None, None]
    >>> read_choice("The correct answer is B. Here's why option A is wrong.").value
    'B'
    >>> read_choice("the dark red one", ["red", "dark red"]).value, read_choice("E", ["red", "blue"]).value
    ('B', None)
    """
    text = _plainly_marked(narrow(visible(text))).strip()
    if not text:
        return nothing("the answer is empty")
    keyed = _keyed(text)
    if keyed is not None:
        return replace(read_choice(keyed, options), why="the key of JSON that names the answer")
    worded = [_bare(narrow(visible(option)), place) for place, option in enumerate(options)]
    count = len(options) or 26
    for readers in _TIERS:
        found = {(one.start, one.value): one for one in readers(text, worded, count)}
        if found:
            return agreed([found[place] for place in sorted(found)], "no letter")
    return nothing("no letter of an option" if options else "no letter")


def _plainly_marked(text: str) -> str:
    """Return a text with its bold letters and those in circles as Markdown writes them, place by place."""
    if "<" in text:
        text = _BOLD_TAG.sub(
            lambda tag: ("**" if tag[1] else "").ljust(len(tag[0]) - 2 * (not tag[1])) + "**" * (not tag[1]), text
        )
    if "~~" in text:
        text = _STRUCK.sub(lambda struck: " " * len(struck[0]), text)
    return (text if text.isascii() else text.translate(_SAME)).replace("__", "**")


def _keyed(text: str) -> str | None:
    """Return what the JSON object in an answer has under the key that names the answer."""
    if not _KEYED.search(text, 0, 20_000):
        return None
    value = read_json(text).value
    named = [item for key, item in value.items() if _KEYED.match(f"'{key}':")] if isinstance(value, dict) else []
    return named[0] if len(named) == 1 and isinstance(named[0], str) and not _KEYED.search(named[0]) else None


def _bare(option: str, place: int) -> str:
    """Return an option's words without its letter: "B. red" is "red" in second place."""
    label = _LABEL.match(option)
    if label and ord(label[1].upper()) - ord("A") == place and label.end() < len(option):
        option = option[label.end() :]
    return _edgeless(option)


def _edgeless(text: str) -> str:
    return folded(_EDGE.sub("", text))


def _letter(text: str, match: re.Match[str], group: int | str, count: int, why: str) -> Iterator[Found[str]]:
    """Yield a letter that stands for an option and is not denied."""
    letter = match[group]
    if letter is None or not 0 <= ord(letter.upper()) - ord("A") < count:
        return
    start, end = match.span(group)
    ticked = _TICKED.match(text, end)
    if not ticked and (_NOT_BEFORE.search(text, max(0, start - 60), start) or _NOT_AFTER.match(text, end)):
        return
    yield Found(letter.upper(), text[max(match.start(), start - 1) : end + 1].strip() or letter, start, why)


def _alone(text: str, worded: Sequence[str], count: int) -> Iterator[Found[str]]:
    match = _ALONE.fullmatch(text)
    if match:
        yield from _letter(text, match, 1, count, "a letter alone")
    if len(text) < 2000:
        yield from _exact(text, worded)


def _exact(text: str, worded: Sequence[str], at: int = 0) -> Iterator[Found[str]]:
    said = _SAID_JAPANESE.sub("", _edgeless(text))
    same = [place for place, words in enumerate(worded) if words and words == said]
    if len(same) == 1:
        yield Found(chr(ord("A") + same[0]), text, at, "an option's words alone")


def _stated(text: str, worded: Sequence[str], count: int) -> Iterator[Found[str]]:
    """Read the last statement that says anything of the options; of "A or B" both."""
    for one in reversed(statements(text)):
        said = text[one.start : one.start + 300] if one.why.startswith("after") else one.value
        found = list(_head(unmarked(said), worded, count, one.why, one.start))
        if not found and one.value:
            found = [*_exact(one.value, worded, one.start)] or [*_contained(one.value, worded, one.start)]
        if found:
            yield from found
            return


def _head(said: str, worded: Sequence[str], count: int, why: str, at: int) -> Iterator[Found[str]]:
    joined = _JOINED.search(said, 0, 60)
    head = _HEAD.match(said)
    if head is None:
        return
    group = head.lastgroup or "a"
    if group == "c" and joined is None and not _AFTER_BARE.match(said, head.end()):
        return  # "A red bar": an article
    letters = list(_letter(said, head, group, count, why))
    if joined and joined.start() <= head.start(group):
        letters += _letter(said, joined, 2, count, why)
    for letter in [*letters, *_labelled(said, head.end(group), worded)]:
        yield Found(letter.value, letter.text, at + letter.start, letter.why)


def _labelled(said: str, end: int, worded: Sequence[str]) -> Iterator[Found[str]]:
    """Yield the option whose words stand behind a letter: they compete with it where they are another's."""
    line = said[end : end + 500].partition("\n")[0]
    yield from _exact(line, worded, end)


def _verdicts(text: str, worded: Sequence[str], count: int) -> Iterator[Found[str]]:
    judged = False
    for _, match in zip(range(_MOST), _VERDICTS.finditer(text), strict=False):
        group = match.lastindex or 1
        if (
            match[group] != "A"
            or not re.match(r"\s{1,2}[a-z]", text[match.end(group) : match.end(group) + 3])
            or (match.end() > match.end(group) + 1)
        ):
            found = list(_letter(text, match, group, count, f"verdict {match[0]!r:.60}"))
            judged |= bool(found)
            yield from found
            doubted = _DOUBTED.match(text, match.start(group)) if found else None
            if doubted:
                yield from _letter(text, doubted, 2, count, "one of several")
    if _JOINED.match(text) is None and not (judged and _LISTED.search(text, 0, 20_000)):
        yield from _head_of_text(text, worded, count)
    last = text.rpartition("\n")[2].strip()
    match_last = _ALONE.fullmatch(last) if len(last) < 40 and last != text else None
    if match_last:
        for one in _letter(last, match_last, 1, count, "alone in the last line"):
            yield Found(one.value, one.text, len(text) - len(last) + one.start, one.why)


def _head_of_text(text: str, worded: Sequence[str], count: int) -> Iterator[Found[str]]:
    r"""Yield the letter that an answer begins with: "B\n\nExplanation", "B. red", "(b) red", "B, because"."""
    start = unmarked(text[:300])
    head = _HEAD.match(start)
    if head is None:
        return
    group = head.lastgroup or "a"
    if group == "b" and not re.match(r"[).:\"'”*]{1,3}(?:\s|\Z)", start[head.end(group) :][:4]):
        return
    if group == "c" and not _AFTER_BARE.match(start, head.end()):
        return
    listed = _NEXT_LISTED.match(text, head.end(group)) or (group == "a" and _NEXT_BESIDE.match(text, head.end(group)))
    if listed and ord(listed[1]) == ord(head[group].upper()) + 1:
        return  # the options, line by line
    letters = list(_letter(start, head, group, count, "at the beginning"))
    yield from letters
    if letters:
        yield from _labelled(start, head.end(group), worded)


def _bold(text: str, worded: Sequence[str], count: int) -> Iterator[Found[str]]:
    for _, match in zip(range(_MOST), _BOLD.finditer(text), strict=False):
        end = match.end()
        if _NOT_AFTER.match(text, end) or _NOT_BEFORE.search(text, max(0, match.start() - 60), match.start()):
            continue
        if match[1] == "A" and re.match(r"\s", text[match.end(1) : match.end(1) + 1]):
            continue
        yield from _letter(text, match, 1, count, "in bold")


def _mentions(text: str, worded: Sequence[str], count: int) -> Iterator[Found[str]]:
    for _, match in zip(range(_MOST), _MENTION.finditer(text), strict=False):
        yield from _letter(text, match, match.lastindex or 1, count, "mentioned")
    for _, match in zip(range(_MOST), _JOINED.finditer(text), strict=False):
        yield from _letter(text, match, 1, count, "one of several")
        yield from _letter(text, match, 2, count, "one of several")


def _ordinals(text: str, worded: Sequence[str], count: int) -> Iterator[Found[str]]:
    """Yield options by their place, "the second option", where the question's options are known."""
    for _, match in zip(range(_MOST if worded else 0), _PLACED.finditer(text), strict=False):
        place = _ORDINALS[match[1].lower()] if match[1] else int(match[2]) - 1
        place = len(worded) - 1 if place == -1 else place
        if place < count and match[2] not in worded:
            yield Found(chr(ord("A") + place), match[0], match.start(), "an option by its place")


def _words(text: str, worded: Sequence[str], count: int) -> Iterator[Found[str]]:
    yield from _contained(text[:5000], worded)


def _contained(text: str, worded: Sequence[str], at: int = 0) -> Iterator[Found[str]]:
    """Yield the options whose words occur, but for those that only occur within a longer one's."""
    said = folded(text)
    taken: list[tuple[int, int]] = []
    for place, words in sorted(enumerate(worded), key=lambda pair: -len(pair[1])):
        if not words or worded.count(words) > 1:
            continue
        # Chinese and Japanese put no space between words.
        edges = ("", "") if len(words) > 1 and _EAST.fullmatch(words) else (r"(?<![^\W_])", r"(?![^\W_])")
        for match in re.finditer(f"{edges[0]}{re.escape(words)}{edges[1]}", said):
            inside = any(low <= match.start() and match.end() <= high for low, high in taken)
            if inside or re.search(
                r"\b(?:not|nicht|pas)\s(?:the\s)?\Z", said[max(0, match.start() - 10) : match.start()]
            ):
                continue
            taken.append(match.span())
            yield Found(chr(ord("A") + place), match[0], at + match.start(), "an option's words")
            break


_TIERS: Final = (_alone, _stated, _verdicts, _bold, _mentions, _ordinals, _words)
