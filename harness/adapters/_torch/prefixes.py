"""What prompts have in common, read once: the keys and values up to the last token of a picture serve every question.

A beginning is read by itself, whoever asks about it, and a batch goes on from there: what is kept is the same to the
last bit whether it was read now or before. Between the beginning of a prompt and the rest there may be padding, which
no token attends to; positions are those that the model gives the whole prompt.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from harness.adapters._qwen2_vl.decoding import Stopwatch
from harness.adapters._torch.decoding import synchroniser
from harness.adapters._torch.loading import Loaded
from harness.adapters._torch.source import library
from harness.adapters._torch.tower import Seen, Shown, Tower
from harness.errors import ConfigError, Issue
from harness.recent import Recent

_PLACE: Final = ("prefix_cache",)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A beginning that was read."""

    layers: tuple[tuple[Any, Any], ...]
    """Keys and values of each layer, [heads, tokens, width]."""

    @property
    def length(self) -> int:
        """Tokens in it."""
        return int(self.layers[0][0].shape[1])

    @property
    def bytes(self) -> int:
        """What it takes, of whatever device."""
        return sum(int(part.nbytes) for layer in self.layers for part in layer)


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt of a batch, without its padding."""

    ids: Any
    """[tokens]."""
    kinds: Any
    """1 where a token stands for a picture, [tokens]."""
    positions: Any
    """[3, tokens]."""
    grids: Any
    """Of its pictures, [pictures, 3]."""
    keys: list[bytes]
    """What its pictures are known by."""

    def common(self) -> int:
        """Return how many tokens there are up to the last of a picture."""
        return int(self.kinds.nonzero()[-1]) + 1


class Prefixes:
    """Beginnings of prompts that were read."""

    def __init__(self, loaded: Loaded, tower: Tower, most: int) -> None:
        """Start with none.

        Args:
            loaded: the model.
            tower: what sees its pictures.
            most: bytes that are kept.
        """
        self._loaded, self._tower = loaded, tower
        self._kept = Recent[bytes, Beginning](most, lambda beginning: beginning.bytes)

    def clear(self) -> None:
        """Let go of what is kept."""
        self._kept.clear()

    def begin(self, batch: Any, shown: Shown, counts: Sequence[int], stopwatch: Stopwatch) -> Any:
        """Read what is not kept of the beginnings of a batch; return what `generate` goes on from.

        Args:
            batch: as the processor made it, on the model's device.
            shown: its pictures.
            counts: how many of them each prompt has.
            stopwatch: takes the time.
        """
        import torch

        synchronise = synchroniser(self._loaded.device)
        with torch.inference_mode():
            with stopwatch.stage("vision"):
                seen = self._tower.see(shown, batch)
                synchronise()
            with stopwatch.stage("prefill"):
                begun = self._begin(batch, shown, counts, seen)
                synchronise()
        return begun

    def _begin(self, batch: Any, shown: Shown, counts: Sequence[int], seen: dict[bytes, Seen]) -> Any:
        rows = self._rows(batch, shown, counts)
        if any(row.common() == len(row.ids) for row in rows):
            return batch  # nothing comes behind a picture: there is nothing to go on with
        found = self._kept.each([*map(_key, rows)], lambda place: self._read(rows[place], seen, batch))
        return self._laid_out(rows, found)

    def _rows(self, batch: Any, shown: Shown, counts: Sequence[int]) -> list[Row]:
        ids, kinds, masks = batch["input_ids"], batch["mm_token_type_ids"], batch["attention_mask"]
        grids = batch["image_grid_thw"]
        positions, _ = self._loaded.base.base_model.get_rope_index(
            ids, mm_token_type_ids=kinds, image_grid_thw=grids, attention_mask=masks
        )
        keys, parts = iter(shown.keys), iter(grids.split(list(counts)))
        return [
            Row(own[mask], kind[mask], places[:, mask], next(parts), list(islice(keys, count)))
            for own, kind, places, mask, count in zip(
                ids, kinds, positions.transpose(0, 1), masks.bool(), counts, strict=True
            )
        ]

    def _read(self, row: Row, seen: dict[bytes, Seen], batch: Any) -> Beginning:
        base, end = self._loaded.base, row.common()
        cache = library().DynamicCache(config=base.config.get_text_config(decoder=True))
        ids = row.ids[None, :end]
        with self._tower.showing(Shown(row.keys, seen, [])):
            base(
                input_ids=ids,
                attention_mask=ids.new_ones(ids.shape),
                position_ids=row.positions[:, None, :end],
                mm_token_type_ids=row.kinds[None, :end],
                pixel_values=batch["pixel_values"][:0],
                image_grid_thw=row.grids,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
        return Beginning(tuple((layer.keys[0], layer.values[0]) for layer in cache.layers))

    def _laid_out(self, rows: Sequence[Row], found: Sequence[Beginning]) -> dict[str, Any]:
        import torch

        begun = max(one.length for one in found)
        behind = max(len(row.ids) - one.length for row, one in zip(rows, found, strict=True))
        like, whole = rows[0].ids, (len(rows), begun + behind)
        pad = self._loaded.processor.tokenizer.pad_token_id
        ids, mask = like.new_full(whole, pad), like.new_zeros(whole)
        positions = like.new_zeros((3, *whole))
        cache = library().DynamicCache(config=self._loaded.base.config.get_text_config(decoder=True))
        for number, (row, one) in enumerate(zip(rows, found, strict=True)):
            length = one.length
            rest = len(row.ids) - length
            for columns, own in (
                (slice(begun - length, begun), slice(length)),
                (slice(begun + behind - rest, None), slice(length, None)),
            ):
                ids[number, columns], mask[number, columns] = row.ids[own], 1
                positions[:, number, columns] = row.positions[:, own]
        for layer in range(len(found[0].layers)):
            keys, values = (
                torch.stack([torch.nn.functional.pad(p, (0, 0, begun - p.shape[1], 0)) for p in parts])
                for parts in zip(*(one.layers[layer] for one in found), strict=True)
            )
            cache.update(keys, values, layer)
        return {"input_ids": ids, "attention_mask": mask, "position_ids": positions, "past_key_values": cache}


def require_plain(loaded: Loaded, settings: dict[str, Any], repetition_penalty: float) -> None:
    """See that a model can go on from the middle of a prompt, and that nothing else reads the prompt.

    Args:
        loaded: the model.
        settings: the file's own settings of `GenerationConfig`.
        repetition_penalty: likewise.

    Raises:
        ConfigError: if it cannot, or something does.
    """
    if settings or repetition_penalty != 1:
        said = "`generation` and `repetition_penalty` may read the prompt, in which `prefix_cache` leaves gaps"
        raise ConfigError(Issue(_PLACE, said, "leave one out"))
    if loaded.caches is not None:
        raise ConfigError(Issue(_PLACE, "it keeps the model's precision, and `kv_cache` does not", "leave one out"))
    layers = library().DynamicCache(config=loaded.base.config.get_text_config(decoder=True)).layers
    if any(type(layer) is not library().cache_utils.DynamicLayer for layer in layers):
        raise ConfigError(Issue(_PLACE, "a layer of this model forgets what a window has passed", "leave it out"))


def _key(row: Row) -> bytes:
    common = row.ids[: row.common()].cpu().numpy()
    return hashlib.sha256(common.tobytes() + b"".join(row.keys)).digest()
