"""Conversations about pictures, as models are trained on them: LLaVA's JSON, ShareGPT's, and OpenAI's messages."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from harness.data._layout import FilesDataset, LayoutConfig, Row, sample_of
from harness.data._parts import Part, files_under
from harness.data._tables import LinesTable, Listed, Table, first_sign, objects
from harness.types import Sample

ENTRIES: Final = {"llava": "Conversations", "sharegpt": "ShareGpt"}

_ROLES: Final = {"human": "user", "gpt": "assistant", "observation": "user", "function_call": "assistant"}
_MARKER: Final = "<image>"


class ConversationsConfig(LayoutConfig):
    """Keys of a dataset of conversations."""

    turn: Literal["first", "last"] = "first"
    """Which question is asked: the first of each conversation, or the last with the turns before it."""


class Conversations(FilesDataset):
    """LLaVA's JSON: `conversations` of human and gpt, `<image>` where a picture stands; or its questions alone.

    The answer is what the model's side says in that turn. Without a picture the conversation is one of text alone.

    Source:
        Liu et al. 2023 (arXiv:2304.08485), haotian-liu/LLaVA: docs/Finetune_Custom_Data.md.
    """

    Config = ConversationsConfig
    title: ClassVar[str] = "LLaVA's conversations"
    expects: ClassVar[str] = "a JSON list of objects with `conversations`, or lines with `messages`"
    keys: ClassVar[tuple[str, ...]] = ("conversations", "text")

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        return [
            Part(file.stem, (file,), certainty=10)
            for file in files_under(path, ".json", ".jsonl")
            if cls.is_one(_first(file))
        ]

    @classmethod
    def is_one(cls, row: Row) -> bool:
        """Return whether a first row is of this layout."""
        asked = {"question_id", "image", "text"} <= row.keys()
        return asked or ("conversations" in row and "images" not in row)

    def open(self, parts: Sequence[Part]) -> Table:
        file = parts[0].files[0]
        return LinesTable(file) if first_sign(file) == "{" else Listed([file], objects(file))

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        if "text" in row:
            images = self.pictures(row.get("image"), origin)
            identity = f"{row['category']}-{row['question_id']}" if row.get("category") else row["question_id"]
            yield sample_of(identity, row["text"], (), images, tags={"category": row.get("category")})
            return
        turns, inline = _turns(row)
        cells = inline or [one for key in ("image", "images") for one in _list(row.get(key))]
        places = [number for number, (role, _) in enumerate(turns) if role == "user"]
        answered = [
            number for number in places if turns[number + 1 : number + 2] and turns[number + 1][0] == "assistant"
        ]
        if not answered:
            raise ValueError("no question has an answer behind it")
        at = answered[0] if self.config.turn == "first" else answered[-1]
        before = [turn for turn in turns[:at] if self.config.turn == "last" or turn[0] == "system"]
        said = [text if role == "system" else f"{role.title()}: {text}" for role, text in before]
        question = "\n".join(
            [*said, f"User: {turns[at][1]}" if len(said) > (before[:1] == turns[:1]) else turns[at][1]]
        )
        marked = sum(text.count(_MARKER) for _, text in turns)
        if marked and marked != len(cells):
            raise ValueError(f"{marked} markers `{_MARKER}` and {len(cells)} images")
        here = question.count(_MARKER)
        images = self.pictures(cells[:here] if marked and here < marked else cells, origin)
        yield sample_of(row.get("id"), question, (turns[at + 1][1],), images, cluster=self.shared(images))


class ShareGpt(Conversations):
    """ShareGPT's form with `images`, and OpenAI's `messages`, whose parts may be text and addresses of data.

    Source:
        hiyouga/LLaMA-Factory: data/README.md.
    """

    title: ClassVar[str] = "ShareGPT's conversations"

    @classmethod
    def is_one(cls, row: Row) -> bool:
        return "messages" in row or ("conversations" in row and "images" in row)


def _turns(row: Row) -> tuple[list[tuple[str, str]], list[Any]]:
    """Return who says what, and the pictures that stand between the texts."""
    told: list[tuple[str, str]] = []
    inline: list[Any] = []
    for one in row.get("conversations") or row["messages"]:
        role = str(one.get("from", one.get("role")))
        content = one["value"] if "value" in one else one["content"]
        if not isinstance(content, str):
            parts = []
            for part in content:
                if part.get("type") == "image_url":
                    address = part["image_url"]
                    inline.append(address["url"] if isinstance(address, Mapping) else address)
                    parts.append(_MARKER)
                else:
                    parts.append(str(part["text"]))
            content = "\n".join(parts)
        told.append((_ROLES.get(role, role), content))
    return told, inline


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def _first(file: Path) -> Row:
    """Return the first object of a file of many; an empty one where there is none."""
    try:
        rows = LinesTable(file).rows() if first_sign(file) == "{" else iter(objects(file))
        return next(iter(rows)).row
    except (ValueError, OSError, StopIteration):
        return {}
