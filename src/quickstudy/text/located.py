"""Rows whose units are pieces of a text, such as words or entities: characters to tokens."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Encoding

from quickstudy.core.types import GIVEN, WIDTH_STEP, Text
from quickstudy.text.reader import CHARACTERS_A_TOKEN, Read, Reader

UNITS_STEP = 8
"""Rows have a multiple of so many units, so that like texts meet like shapes wherever they are read."""
Range = tuple[int, int]
"""half-open, of characters"""


class Located(NamedTuple):
    """One row."""

    texts: tuple[str, ...]
    """one text, or two that are read together, as a question and its context"""
    units: Sequence[Sequence[Range]]
    """each unit's parts, in the last of the texts; every unit of a batch has as many"""


def locate(reader: Reader, rows: Sequence[Located], parts: int = 1) -> Read:
    """Rows of U units of P = `parts` parts: as many as the longest row has, the rest empty.

    A part joins the tokens that overlap its characters; it is empty where those were cut off. Of two texts, the first
    gets half of the limit at most and the last what is left: `cut` counts the tokens of both that did not fit.
    """
    read = _encoded(reader, [row.texts for row in rows])
    longest = max((len(row.ids) for row in read), default=1)
    width = min(reader.limit, -(-longest // WIDTH_STEP) * WIDTH_STEP)
    most = max((len(row.units) for row in rows), default=0)
    tokens = np.full((len(rows), width), reader.filler, dtype=np.int64)
    role = np.zeros(tokens.shape, dtype=np.uint8)
    spans = np.zeros((len(rows), max(1, -(-most // UNITS_STEP)) * UNITS_STEP, parts, 2), dtype=np.int64)
    for number, (row, found) in enumerate(zip(rows, read, strict=True)):
        tokens[number, : len(found.ids)] = found.ids
        role[number, : len(found.ids)] = GIVEN
        if row.units:
            spans[number, : len(row.units)] = _spans(found, np.array(row.units, dtype=np.int64))
    text = Text(torch.from_numpy(tokens), torch.from_numpy(role), torch.from_numpy(spans))
    return Read(text, torch.tensor([found.cut for found in read], dtype=torch.long))


def windows(reader: Reader, text: str, room: int, stride: int) -> list[Range]:
    """Character ranges that cover a text, each of `room` tokens at most, the next beginning `stride` tokens before the
    end of the last. One range where all of it fits."""
    if not 0 <= stride < room:
        raise ValueError(f"windows of {room} tokens cannot overlap by {stride}")
    whole = reader.tokenizer.encode(text, add_special_tokens=False)
    offsets = [place for piece in (whole, *whole.overflowing) for place in piece.offsets]
    if len(offsets) <= room:
        return [(0, len(text))]
    found = []
    for start in range(0, len(offsets), room - stride):
        end = min(start + room, len(offsets))
        found.append((offsets[start][0] if start else 0, offsets[end - 1][1] if end < len(offsets) else len(text)))
        if end == len(offsets):
            return found
    return found


class _Encoded(NamedTuple):
    ids: list[int]
    first: int
    """where the last text's tokens begin in the row"""
    offsets: np.ndarray
    """(tokens of the last text, 2) characters of it"""
    cut: int


def _encoded(reader: Reader, rows: Sequence[tuple[str, ...]]) -> list[_Encoded]:
    most = reader.limit * CHARACTERS_A_TOKEN
    given = [(reader.prompt + texts[0], *texts[1:]) for texts in rows]
    flat = [text[:most] for texts in given for text in texts]
    pieces = iter(reader.tokenizer.encode_batch(flat, add_special_tokens=False))
    return [_joined(reader, texts, [next(pieces) for _ in texts]) for texts in given]


def _joined(reader: Reader, texts: tuple[str, ...], pieces: list[Encoding]) -> _Encoded:
    """One row; `texts` as they were tokenised, the prompt before the first."""
    count = sum(len(part.ids) for piece in pieces for part in (piece, *piece.overflowing))
    room = reader.limit - reader.tokenizer.num_special_tokens_to_add(len(texts) > 1)
    if len(texts) > 1:
        pieces[0].truncate(min(len(pieces[0].ids), room // 2))
        room -= len(pieces[0].ids)
    last = pieces[-1]
    last.truncate(min(len(last.ids), room))
    kept = sum(len(piece.ids) for piece in pieces)
    row = reader.tokenizer.post_process(pieces[0], pieces[1] if len(texts) > 1 else None)
    unread = sum(max(0, len(text) - reader.limit * CHARACTERS_A_TOKEN) // 4 for text in texts)
    shift = len(reader.prompt) if len(texts) == 1 else 0
    offsets = np.array(last.offsets, dtype=np.int64).reshape(-1, 2) - shift
    return _Encoded(row.ids, _first(row, len(texts) - 1), offsets, count - kept + unread)


def _first(row: Encoding, text: int) -> int:
    """Where the tokens of text number `text` begin; the row's end where it has none."""
    return next((place for place, own in enumerate(row.sequence_ids) if own == text), len(row.ids))


def _spans(found: _Encoded, units: np.ndarray) -> np.ndarray:
    """(U, P, 2) characters -> (U, P, 2) tokens of the row."""
    starts, ends = found.offsets[:, 0], found.offsets[:, 1]
    first = np.searchsorted(ends, units[..., 0], side="right")
    last = np.searchsorted(starts, units[..., 1], side="left")
    spans = np.stack([first, last], -1) + found.first
    spans[(last <= first) | (units[..., 1] <= units[..., 0])] = 0
    return spans
