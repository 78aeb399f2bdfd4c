"""Answers and references that lie at the edges where published implementations differ; seeded, without our own code."""

import random
from collections.abc import Iterator
from typing import Any

Case = dict[str, Any]

_CONTRACTIONS = """
    ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd
    he'd've he's how'd how'll how's I'd've I'm I've isn't it'd it'd've it'll let's ma'am mightn't mightn't've
    might've mustn't must've needn't not've o'clock oughtn't 'ow's'at shan't she'd've she's should've shouldn't
    shouldn't've somebody'd somebodyd somebody'd've somebody'll somebody's someone'd someone'd've someone'll
    someone's something'd something'd've something'll that's there'd there'd've there're there's they'd
    they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's
    where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't
    wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've
"""
CONTRACTIONS = _CONTRACTIONS.split()
ODD = (
    "", " ", ".", ",", "U.S.A.", "usa", "USA", "u.s", "1,000", "1,,000", "1000", "1 000", "3.5", "3.5.", "5.",
    "5", "no. 5.", "12.", ".5", "a", "the", "a the", "none", "None.", "zero", "ten", "two dogs", "2 dogs",
    "the two dogs", "well-done", "well - done", "red/blue", "red, blue", "red,blue", "yes.", "Yes", "yes!",
    "(yes)", "what?", "p.m.", "3 p.m", "v1.2.", "a.b.c", "2020-2021", "-3", "100%", "$5", "it's", "dog's",
    "\u00c9t\u00e9", "stra\u00dfe", "\uff21\uff22", "\u0130", "x" + "." * 40, "tab\there", "line\nbreak",
    " padded ", "1,2", "1, 2", "semi;colon", "`tick`", "_under_", "a+b=c",
)  # fmt: skip
_WORDS = "red blue dog dogs The a an one two ten none street sign left right wooden bus people 12 7 3.5"
WORDS = _WORDS.split()
MARKS = list(".,;:!?/-_()[]{}\"'`@<>=+\\ \n\t")


def _changed(rng: random.Random, text: str) -> str:
    """Return a text with a few small changes: case, marks, spaces."""
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
        at, kind = rng.randint(0, len(text)), rng.random()
        if kind < 0.4:
            text = text[:at] + rng.choice(MARKS) + text[at:]
        elif kind < 0.6:
            text = rng.choice([text.upper(), text.lower(), text.title()])
        elif kind < 0.8:
            text = text[:at] + text[at + 1 :]
        else:
            text = rng.choice([f" {text}", f"{text} ", f"{text}\n", text.replace(" ", "  ")])
    return text


def _phrase(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.25:
        word = rng.choice(CONTRACTIONS)
        at = [i for i, letter in enumerate(word) if letter == "'"]
        drop = set(rng.sample(at, rng.randint(0, len(at))))
        return "".join(letter for i, letter in enumerate(word) if i not in drop)
    if kind < 0.6:
        return rng.choice(ODD)
    return " ".join(rng.choices(WORDS, k=rng.randint(1, 3)))


def spellings(rng: random.Random) -> Iterator[Case]:
    """Texts at and about one half of likeness, with white space to squeeze and letters that change their length."""
    letters = "abcdefgh ABé"
    for _ in range(700):
        kind = rng.random()
        if kind < 0.4:  # half of the letters are others
            size = rng.randint(1, 8) * 2
            text = "".join(rng.choices("abcdefgh", k=size))
            other = "".join(rng.choices("stuvwxyz", k=size // 2 + rng.choice([-1, 0, 0, 0, 1])))
            answer = text[: size - len(other)] + other
            answer = rng.choice([answer, answer, answer.upper(), f"{answer}  ", f"  {answer}"])
            yield {"prediction": answer, "references": [text]}
        elif kind < 0.6:
            text = rng.choice(ODD)
            yield {"prediction": _changed(rng, text), "references": [text, _changed(rng, rng.choice(ODD))]}
        elif kind < 0.75:
            text = "".join(rng.choices("aßİŉﬁıx ", k=rng.randint(0, 6)))
            yield {"prediction": _changed(rng, text), "references": [text.upper()]}
        else:
            text = "".join(rng.choices(letters, k=rng.randint(0, 12)))
            space = rng.choice([" ", "  ", "      ", "\n"])
            answer = _changed(rng, text).replace(" ", space) + rng.choice(["", space, space * 3])
            yield {"prediction": answer, "references": [text, "".join(rng.choices(letters, k=5))]}


def structures(rng: random.Random) -> Iterator[Case]:
    """Nested objects and plain strings."""
    import json

    def made(depth: int = 0) -> Any:
        kind = rng.random()
        if depth > 2 or (depth and kind < 0.5):
            return rng.choice(["ann", "Ann ", "bob", "12.50", "12.5", 3, 3.5, True, None, "", "a b", "a  b"])
        if kind < 0.8:
            return {rng.choice("abcd"): made(depth + 1) for _ in range(rng.randint(1, 4))}
        return [{rng.choice("ab"): made(depth + 2)} for _ in range(rng.randint(1, 3))]

    for _ in range(400):
        wanted = made()
        answer = made() if rng.random() < 0.5 else _edited(rng, wanted)
        if isinstance(wanted, dict) and isinstance(answer, dict):
            yield {"prediction": json.dumps(answer), "references": [json.dumps(wanted)]}


def _edited(rng: random.Random, value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _edited(rng, item) for key, item in value.items() if rng.random() < 0.9}
        return kept | ({"z": rng.choice(["new", None, ""])} if rng.random() < 0.2 else {})
    if isinstance(value, list):
        return [_edited(rng, item) for item in rng.sample(value, len(value))]
    return value if rng.random() < 0.8 else f"{value}x"


def annotated(rng: random.Random) -> Iterator[Case]:
    """An answer and its annotators, who write one thing in many ways, or all the same."""
    for _ in range(450):
        answer, kind = _phrase(rng), rng.random()
        if kind < 0.25:
            said = [_changed(rng, answer)] * rng.choice([1, 3, 4, 10])
        else:
            others = [answer, answer, _changed(rng, answer), _changed(rng, answer), _phrase(rng)]
            said = [rng.choice(others) for _ in range(rng.choice([3, 4, 5, 10]))]
        yield {"prediction": _changed(rng, answer), "references": said}


def read_texts(rng: random.Random) -> Iterator[Case]:
    """Text in pictures: words and formulas, in half and full width."""
    for _ in range(500):
        wanted = rng.choice([*ODD, "x ^ 2 + Y", "\\frac{a}{B}", "Stop", "北京", "ＳＴＯＰ", "１２，５", "ａ b", "Ｘ^2"])
        if rng.random() < 0.2:
            wanted = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c.replace(" ", "\u3000") for c in wanted)
        answer = (
            rng.choice(["", "It says ", "1", "\u3000", "x"]) + _changed(rng, wanted) + rng.choice(["", ".", " ", "2"])
        )
        if rng.random() < 0.15:
            answer = rng.choice(["", " ", "\u3000"])
        tag = rng.choice(["HME100k", "HME100k", "IIIT5K", "", "ESTVQA"])
        yield {
            "prediction": answer,
            "references": [wanted, _phrase(rng)][: rng.randint(1, 2)],
            "tags": {"dataset": tag},
        }


def probes(rng: random.Random) -> Iterator[Case]:
    """Answers to yes/no questions."""
    starts = [
        "yes",
        "no",
        "Yes",
        "No",
        "NO",
        "YES",
        "y",
        "n",
        "Y.",
        "not",
        "know",
        "eyes",
        "None",
        "Nope",
        "yesterday",
        "",
    ]
    tails = [
        "",
        "",
        "",
        ".",
        ",",
        "!",
        " ",
        ", there is",
        ". There is no cat",
        " there is not",
        " or no",
        "\n",
        "/no",
        "1.",
        " 2.yes",
    ]
    fronts = ["", "", "", "", "", " ", "The answer is ", "(", "I do not know", "1. ", "well,", "3.", "**"]
    for _ in range(500):
        text = rng.choice(fronts) + rng.choice(starts) + rng.choice(tails)
        yield {"prediction": text, "references": [rng.choice(["yes", "no"])]}


def _number(rng: random.Random) -> str:
    value = rng.choice([0, 1, 2, 10, 20, 62, 100, 2008, 2010, 1000, 0.05, 0.62, 3.5, -4, 1e-3])
    value *= rng.choice([1, 1, 1, 1.05, 0.95, 1.0499, 1.0501, -1])
    return rng.choice(["{}", "{:g}", "{:g}%", "{:g} %", " {:g}", "${:g}", "{:,}", "{:g}.", "{:e}", "+{:g}"]).format(
        value
    )


def chart_answers(rng: random.Random) -> Iterator[Case]:
    """Numbers at the edge of five per cent, percentages, and what only float() takes for a number."""
    for _ in range(600):
        texts = [
            _number(rng),
            rng.choice(["nan", "inf", "1_000", "٣", "Yes", "yes", "YES.", "a b", "", "%", "1e400", "0"]),
        ]
        wanted = [rng.choice(texts) for _ in range(rng.randint(1, 2))]
        answer = rng.choice(
            [_number(rng), rng.choice(wanted), rng.choice(wanted).upper(), f" {wanted[0]} ", rng.choice(ODD)]
        )
        yield {"prediction": answer, "references": wanted}


def chart_lists(rng: random.Random) -> Iterator[Case]:
    """As ``chart_answers``, in lists, with years."""
    for _ in range(500):
        size = rng.choice([1, 1, 2, 3])
        wanted = [rng.choice([_number(rng), "2008", "Blue", "light blue", "it's", "Japan"]) for _ in range(size)]
        given = [text if rng.random() < 0.6 else rng.choice([_number(rng), "2010", "blu", "Japan."]) for text in wanted]
        given += [_number(rng)] * (rng.random() < 0.1)
        forms = [lambda items: "[" + ", ".join(items) + "]", lambda items: str(list(items)), lambda items: items[0]]
        year = ",".join(rng.choice(["YES", "NO", "NO"]) for _ in range(rng.choice([1, max(size, len(given))])))
        if len(given) > size:
            year = "NO"
        yield {
            "prediction": rng.choice(forms)(given),
            "references": [rng.choice(forms[:2] if size > 1 else forms)(wanted)],
            "tags": {"year": year},
        }


def sentences(rng: random.Random) -> Iterator[Case]:
    """Sentences with words added, left out and changed, odd spaces and marks; as cleaning leaves a text."""
    words = [*WORDS, "it's", "caf\u00e9", "12.5", "x-y", "2019", "Stop", "\u00e9t\u00e9"]
    spaces = [" ", " ", " ", " ", "  ", "\t", "\n", ", ", ". "]
    for _ in range(400):
        said = rng.choices(words, k=rng.randint(1, 9))
        given = [rng.choice(words) if rng.random() < 0.2 else word for word in said if rng.random() < 0.85]
        given += rng.choices(words, k=rng.choice([0, 0, 0, 1, 4]))
        text = "".join(word + rng.choice(spaces) for word in said)
        answer = "".join(word + rng.choice(spaces) for word in given)
        yield {"prediction": rng.choice([answer, answer, _changed(rng, text), text]), "references": [text]}


def chart_tables(rng: random.Random) -> Iterator[Case]:
    """Small tables with titles, repeated headers, short rows and zeros; the answer turned, changed, or no table."""
    heads = ["year", "A", "B", "b", "Sales", "sales", "Profit %", "", "Total sum"]
    cells = ["0", "1", "10", "10.5", "-4", "12%", "0.0", "1_0", "n/a", "red", "Blue", "blu", "1e3", "", "9.4", "11"]

    def made() -> list[list[str]]:
        width = rng.randint(1, 4)
        head = rng.choices(heads, k=width)
        rows = [[rng.choice(["2001", "2002", "2003", "x"]), *rng.choices(cells, k=width - 1)] for _ in range(4)]
        return [head, *rows[: rng.randint(0, 4)]]

    def written(rows: list[list[str]]) -> str:
        title = [rng.choice(["TITLE | Sales", "title | Total sum"])] if rng.random() < 0.3 else []
        return "\n".join([*title, *(" | ".join(row) for row in rows)])

    def shifted(text: str) -> str:
        try:
            return f"{float(text) * rng.choice([1, 1.05, 1.0999, 1.1, 1.2, -1, 0]):g}"
        except ValueError:
            return rng.choice([text, text.upper(), f"{text}s", text[:1]])

    for _ in range(420):
        wanted = made()
        given = [[shifted(cell) if rng.random() < 0.3 else cell for cell in row] for row in wanted]
        if rng.random() < 0.2 and len({len(row) for row in given}) == 1:
            given = [list(row) for row in zip(*given, strict=True)]
        if rng.random() < 0.15:
            given = made()
        answer = written(given) if rng.random() < 0.9 else rng.choice(["no table", " | ", "5", "a | b"])
        others = [written(made())] if rng.random() < 0.2 else []
        yield {"prediction": answer, "references": [written(wanted), *others]}


def windows(rng: random.Random) -> Iterator[Case]:
    """Windows with confidences, on a grid so that edges meet and thresholds are hit; some of no length or turned."""
    import json

    def window() -> list[float]:
        start = rng.randint(0, 30) / 2
        return [start, start + rng.choice([1, 1, 2, 2, 3, 4, 5, 8, 10]) / 2]

    for _ in range(400):
        wanted = [window() for _ in range(rng.choice([1, 1, 2, 3]))]
        given = [
            rng.choice([list(rng.choice(wanted)), window(), [low, high + 0.5], [low + 0.5, high + 1]])
            for low, high in (rng.choice(wanted) for _ in range(rng.choice([1, 2, 3, 12])))
        ]
        scores = rng.sample(range(1, 1000), len(given))
        listed = [[*pair, score / 1000] for pair, score in zip(given, scores, strict=True)]
        yield {"prediction": json.dumps({"pred_relevant_windows": listed}), "references": [json.dumps(wanted)]}


def one_window(rng: random.Random) -> Iterator[Case]:
    """One window for an answer, at times of no length, and true windows."""
    import json

    for case in windows(rng):
        first = json.loads(case["prediction"])["pred_relevant_windows"][0][:2]
        if rng.random() < 0.15:
            first[1] = first[0] = rng.choice([first[0], rng.choice(json.loads(case["references"][0]))[1]])
        yield case | {"prediction": json.dumps([first])}


def grounded_answers(rng: random.Random) -> Iterator[Case]:
    """A word, right or wrong, with the window that it rests on."""
    import json

    for case in one_window(rng):
        said = {"answer": rng.choice(["B", "B", "A"]), "spans": json.loads(case["prediction"])}
        evidence = json.dumps({"spans": json.loads(case["references"][0])})
        yield {"prediction": json.dumps(said), "references": ["B"], "evidence": evidence}


VOCABULARY = {
    "person": ["girl", "boy", "man", "woman", "child", "people", "lady", "player", "passenger", "baby", "adult"],
    "bicycle": ["bike"],
    "bus": ["minibus"],
    "train": ["locomotive"],
    "airplane": ["jet", "plane", "air plane"],
    "boat": ["ship"],
    "traffic light": ["street light", "stop light"],
    "bench": ["pew"],
    "bird": ["goose", "duck"],
    "cat": ["kitten"],
    "dog": ["puppy"],
    "sheep": ["lamb"],
    "elephant": [],
    "tie": ["bow"],
    "wine glass": [],
    "cup": ["glass"],
    "fork": [],
    "knife": ["pocketknife"],
    "hot dog": [],
    "cake": ["cookie"],
    "chair": ["seat"],
    "potted plant": ["houseplant"],
    "dining table": ["table", "desk"],
    "toilet": ["commode"],
    "tv": ["television"],
    "cell phone": ["mobile phone"],
    "remote control": [],
    "teddy bear": ["teddybear"],
    "bear": ["panda"],
    "scissors": [],
}


def captions(rng: random.Random) -> Iterator[Case]:
    """Captions with plurals, pairs of words, marks and clitics, and the objects of their images."""
    words = [word for name, others in VOCABULARY.items() for word in (name, *others)]
    plurals = (
        "dogs puppies buses people women children men knives geese sheep glasses wine glasses|hot dogs|benches cookies "
        "boats ties bow ties|toilet seat|seats baby elephant|adult bears|passenger train|passenger jet|police hour "
        "leaves|teddy bears|remote controls|cell phones|traffic lights|desks birds' ducks planes "
        "scissors pandas ladies boxes"
    )
    many = [word for part in plurals.split("|") for word in ([part] if part.count(" ") == 1 else part.split())]
    glue = [
        " ",
        " ",
        " ",
        ", ",
        " and a ",
        " in the ",
        ". A ",
        "; ",
        " - ",
        "-",
        "/",
        "'s ",
        " (",
        ") ",
        "! ",
        ": ",
        "--",
        "s ",
    ]
    for _ in range(500):
        said = [rng.choice(rng.choice([words, many, ["red", "running", "hat"]])) for _ in range(rng.randint(0, 6))]
        text = "".join(word + rng.choice(glue) for word in said) + rng.choice(["", ".", "dog.", "cat's"])
        text = rng.choice([text, text, text.upper(), text.capitalize()])
        held = [word for word in said if word in words and rng.random() < 0.6]
        held += rng.sample(list(VOCABULARY), rng.randint(0, 3))
        yield {"prediction": text, "references": [], "objects": held}
