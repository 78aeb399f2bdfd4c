"""Rows of a user's own table: which column is the question, the answer, the image, and what else is carried."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, Field

from harness.data._cells import answers_in, letter, listed, literal, pictures, place_of, right_option
from harness.data._facts import fact_keys, facts_of
from harness.data._layout import FilesConfig, FilesDataset, Row, sample_of
from harness.data._parts import Part
from harness.data._rows import (
    Extra,
    Unanswered,
    as_text,
    no_answer,
    one_or_many,
    optional_text,
    required_text,
    tags,
    unknown,
)
from harness.errors import ConfigError, Issue, did_you_mean
from harness.facts import FACTS, known
from harness.types import Sample

FIELDS: Final = ("id", "question", "answer", "answers", "image", "images", "evidence", "cluster", "tags", "facts")
_SEVERAL: Final = ("answers", "images", "choices", "tags", "boxes")
"""Names that may stand for several columns."""
_TEXTUAL: Final = frozenset(name for name, fact in FACTS.items() if fact.fits("a"))


class MappedConfig(FilesConfig):
    """Keys of a table of the user's own."""

    fields: dict[str, str | list[str]] = Field(default_factory=dict)
    """Which column is what, where a column is not called that itself: `{question: query, answer: label}`. `answers`,
    `images`, `choices` and `tags` may be several columns: `{choices: [A, B, C, D], tags: [source, year]}`."""
    question: str | None = None
    """The question of every row, where no column has one: `What does the picture show?`."""
    answer_is: Literal["text", "letter", "index", "index1"] = "text"
    """How a right answer is written: as itself, or as the letter or the number (from 0, or from 1) of one of the
    `choices`; the references are then the letter and the option's words."""
    unanswered: Unanswered = "refuse"
    """What becomes of a row without a right answer: it is broken, for nothing can be scored, or asked all the same
    (`ask`), as of a pool that is to be labelled; its answer is then recorded, and no metric counts it."""
    extra: Extra = "forbid"
    """What becomes of a column that is none of these: an error, a fact by its own name (`allow`), or nothing
    (`ignore`)."""


class MappedDataset(FilesDataset):
    """Samples of a table whose columns the suite names."""

    Config: ClassVar[type[BaseModel]] = MappedConfig
    optional: frozenset[str] = frozenset()
    """Columns of the layout that may be there and are no mistake."""

    def __init__(self, config: Any, path: Path, parts: Sequence[Part], roots: tuple[Path, ...]) -> None:
        names = {key: value for key, value in config.fields.items() if isinstance(value, str)}
        self._several = {key: tuple(value) for key, value in config.fields.items() if not isinstance(value, str)}
        self._names = names
        self._fact_keys = fact_keys(names, FIELDS)
        own = {names.get(name, name) for name in FIELDS if name not in self._several}
        spread = {column for columns in self._several.values() for column in columns}
        self._known = {*self._fact_keys, *own, *spread, *self.optional}
        self._keys_of = {name: names.get(name, name) for name in FIELDS}
        self._key = self._keys_of.__getitem__
        super().__init__(config, path, parts, roots)

    @classmethod
    def opened(cls, config: Any, folder: Path, roots: Sequence[Path]) -> Any:
        allowed = {*FIELDS, *known()}
        if strange := sorted(set(config.fields) - allowed):
            hint = f"known: {', '.join((*FIELDS, *sorted(allowed.difference(FIELDS))))}"
            raise ConfigError(Issue(("fields", strange[0]), f"unknown field {strange[0]!r}", hint))
        for name, value in config.fields.items():
            if not isinstance(value, str) and name not in _SEVERAL:
                said = f"{name!r} is one column; several may stand for {', '.join(_SEVERAL[:4])}"
                raise ConfigError(Issue(("fields", name), said))
        return super().opened(config, folder, roots)

    def columns_known(self, columns: Collection[str], where: str) -> None:
        """See that the columns of a table are what the suite says, all of them at once.

        Raises:
            ConfigError: naming columns that are missing or that nothing reads.
        """
        wanted = {
            (name, one)
            for name, value in self.config.fields.items()
            for one in ([value] if isinstance(value, str) else value)
        }
        if absent := sorted((name, one) for name, one in wanted if one not in columns):
            name, column = absent[0]
            said = f"{where} has no column {column!r}"
            raise ConfigError(Issue(("fields", name), said, did_you_mean(column, columns)))
        need = [] if self.config.question is not None else [self._names.get("question", "question")]
        if lacking := [name for name in need if name not in columns]:
            said = f"{where} has no column {lacking[0]!r}; there are {', '.join(map(repr, columns))}"
            hint = "say which it is: `fields: {question: …}`, or `question:` for all rows"
            raise ConfigError(Issue(("fields",), said, hint))
        if self.config.extra == "forbid" and (strange := [name for name in columns if name not in self._known]):
            said = f"{where} has columns that nothing reads: {', '.join(map(repr, strange))}"
            hint = "name them in `fields:`, or `extra: ignore` drops such columns and `allow` keeps them as facts"
            raise ConfigError(Issue(("path",), said, hint))

    def samples(self, row: Row, origin: str) -> tuple[Sample, ...]:
        return (self.mapped(row, origin),)

    def _facts_in(self, row: Row) -> dict[str, str]:
        """Return the columns that are facts, each with the fact's name.

        Where columns that nothing reads are dropped, so is one that is merely called as a fact that the picture has
        anyway, such as `size`, and is none: "42", or "large".
        """
        if self.config.extra != "ignore":
            return self._fact_keys
        chance = [
            key
            for key, name in self._fact_keys.items()
            if name in FACTS
            and FACTS[name].of_image
            and name not in self.config.fields
            and row.get(key) is not None
            and not FACTS[name].fits(row[key])
        ]
        return {key: name for key, name in self._fact_keys.items() if key not in chance} if chance else self._fact_keys

    def mapped(self, row: Row, origin: str, *, image: Any = None, label: str = "", identity: str = "") -> Sample:
        """Return the sample of a row.

        Args:
            row: by columns.
            origin: where it stands.
            image: what is shown where the row names no image.
            label: the answer where the row has none.
            identity: its id where the row says none.
        """
        others = {} if row.keys() <= self._known else unknown(row, self._known, self.config.extra)
        config, key = self.config, self._key
        question = config.question if config.question is not None else required_text(row, key("question"))
        plain = not others and self._fact_keys.keys().isdisjoint(row) and row.get(key("facts")) is None
        parsed = {} if plain else self._parsed(row)
        facts = {} if plain else facts_of(parsed, self._facts_in(parsed), key("facts"), others)
        if "choices" in self._several:
            cells = [row.get(column) for column in self._several["choices"]]
            facts["choices"] = [as_text(cell, "choices") for cell in cells if cell is not None and cell != ""]
        answers = self._answers(row) or ([label] if label else [])
        if not answers and config.unanswered == "refuse":
            raise TypeError(no_answer(key("answer")))
        images = self._images(row, origin) or pictures(image, self.home, origin)
        return sample_of(
            optional_text(row, key("id")) or identity or None,
            question,
            self._references(answers, facts.get("choices")) if answers else (),
            images,
            evidence=optional_text(row, key("evidence")) or None,
            cluster=optional_text(row, key("cluster")) or self.shared(images),
            tags=self._tags(row),
            facts=facts,
            origin=origin,
        )

    def _parsed(self, row: Row) -> Row:
        """Return a row of texts with those facts as values that are written as JSON."""
        told = {column: row[column] for column in row if column in self._fact_keys}
        for column, value in told.items():
            if isinstance(value, str) and (not value.strip() or self._fact_keys[column] not in _TEXTUAL):
                told[column] = literal(value) if value.strip() else None
        under = self._keys_of["facts"]
        return told | {under: row[under]} if under in row else told

    def _answers(self, row: Row) -> list[str]:
        if "answers" in self._several:
            cells = [row.get(column) for column in self._several["answers"]]
            return [as_text(cell, "answers") for cell in cells if cell is not None and cell != ""]
        one, many = self._key("answer"), self._key("answers")
        cell = row.get(many)
        if cell is None and isinstance(row.get(one), str):
            return [row[one]] if row[one] else []
        if one != many and isinstance(cell, str) and cell.lstrip().startswith("["):
            return answers_in(listed(cell, many), many)
        key, found = one_or_many(
            {name: row.get(name) if row.get(name) != "" else None for name in (one, many)}, one, many
        )
        return answers_in(found, key)

    def _references(self, answers: Sequence[str], choices: Any) -> tuple[str, ...]:
        said = self.config.answer_is
        if said == "text":
            return tuple(answers)
        if not choices:
            raise TypeError(f"`answer_is: {said}` and the row has no `choices`")
        found: list[str] = []
        for answer in answers:
            if said == "letter":
                place = place_of(answer, choices)
                if len(answer.strip()) != 1:
                    raise ValueError(f"the answer {answer!r:.40} is no letter from A to {letter(len(choices) - 1)}")
            else:
                place = _number(answer) - (said == "index1")
            found += right_option(choices, place)
        return tuple(dict.fromkeys(found))

    def _images(self, row: Row, origin: str) -> Any:
        if "images" in self._several:
            cells = [row.get(column) for column in self._several["images"]]
            return pictures([cell for cell in cells if cell is not None and cell != ""], self.home, origin)
        one, many = self._key("image"), self._key("images")
        single, several = row.get(one), row.get(many)
        if type(single) is dict and several is None:
            return pictures(single, self.home, origin)
        if one != many and single not in (None, "") and several not in (None, "", []):
            raise TypeError(f"both {one!r} and {many!r} are given, and only one of them would be read")
        cell = single if several in (None, "") or one == many else several
        if isinstance(cell, str) and cell.startswith("["):
            cell = listed(cell, many)
        return () if cell in (None, "") else pictures(cell, self.home, origin)

    def _tags(self, row: Row) -> dict[str, str]:
        if "tags" in self._several:
            found = {column: row.get(column) for column in self._several["tags"]}
            return tags({"tags": {name: value for name, value in found.items() if value != ""}}, "tags")
        key = self._key("tags")
        value = row.get(key)
        if value is None:
            return {}
        if isinstance(value, str):
            value = literal(value) if value.strip() else None
        return tags({key: value}, key)


def _number(answer: str) -> int:
    try:
        return int(answer)
    except ValueError:
        raise ValueError(f"the answer {answer!r:.40} is no number of an option") from None
