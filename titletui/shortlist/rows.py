"""Convert records to and from the rows of library.db."""

import sqlite3
import zlib
from typing import Any

import msgspec

from titletui.candidate import Candidate, Novelty
from titletui.shortlist.records import Action, Batch, BatchSettings, Change, Favourite
from titletui.text import clean, fold

FAVOURITE = (
    "id, text, original, note, tags, position, starred, settings, seed, perplexity, tokens, novelty"
)
CANDIDATE = "id, batch, position, text, perplexity, tokens, seed, whole, novelty"
STARRED = "EXISTS (SELECT 1 FROM favourites f WHERE f.original_key = c.key OR f.key = c.key)"
CHOSEN = (
    "batch IN (SELECT c.batch FROM favourites f JOIN candidates c "
    "ON c.key IN (f.original_key, f.key))"
)
"""The condition for a batch from which something was starred."""

DECODE_ERRORS = (msgspec.MsgspecError, TypeError, ValueError)
"""What the functions here raise for a damaged row."""


def decode_text(data: bytes) -> str:
    """Decode a text of the database, whatever a flipped bit made of its UTF-8."""
    return data.decode(errors="replace")


def favourite(row: tuple[Any, ...]) -> Favourite:
    """Decode the columns `FAVOURITE`."""
    return msgspec.convert(
        {
            "id": row[0],
            "text": row[1],
            "original": row[2],
            "note": row[3],
            "tags": msgspec.json.decode(row[4], type=tuple[str, ...]),
            "order": row[5],
            "starred": row[6],
            "settings": msgspec.json.decode(row[7], type=BatchSettings),
            "seed": row[8],
            "perplexity": row[9],
            "tokens": row[10],
            "novelty": _novelty(row[11]),
        },
        Favourite,
    )


def checksum(row: tuple[Any, ...]) -> int:
    """Return the CRC-32 of the columns `FAVOURITE`, to detect a flipped bit."""
    return zlib.crc32(msgspec.json.encode(row))


def put_favourite(connection: sqlite3.Connection, one: Favourite) -> None:
    """Insert `one`, or replace the row with its id."""
    row = (
        one.id,
        one.text,
        one.original,
        one.note,
        json(one.tags),
        one.order,
        one.starred,
        json(one.settings),
        one.seed,
        one.perplexity,
        one.tokens,
        None if one.novelty is None else json(one.novelty),
    )
    connection.execute(
        f"INSERT OR REPLACE INTO favourites ({FAVOURITE}, original_key, key, checksum) "  # noqa: S608
        f"VALUES ({', '.join('?' * (len(row) + 3))})",
        (*row, fold(one.original), fold(one.text), checksum(row)),
    )


def candidate(row: tuple[Any, ...]) -> Candidate:
    """Decode the columns `CANDIDATE` and `STARRED`."""
    return msgspec.convert(
        {
            "id": row[0],
            "batch": row[1],
            "index": row[2],
            "text": row[3],
            "perplexity": row[4],
            "tokens": row[5],
            "seed": row[6],
            "whole": bool(row[7]),
            "novelty": _novelty(row[8]),
            "starred": bool(row[9]),
        },
        Candidate,
    )


def put_candidate(connection: sqlite3.Connection, batch: int, one: Candidate) -> int:
    """Add `one` to a batch; return its id."""
    text = clean(one.text)
    row = connection.execute(
        "INSERT INTO candidates "
        "(batch, position, key, text, perplexity, tokens, seed, whole, novelty) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            batch,
            one.index,
            fold(text),
            text,
            one.perplexity,
            one.tokens,
            one.seed,
            one.whole,
            None if one.novelty is None else json(one.novelty),
        ),
    ).fetchone()
    return int(row[0])


def batch(row: tuple[Any, ...]) -> Batch:
    """Decode id, created, settings, and the number of candidates."""
    settings = msgspec.json.decode(row[2], type=BatchSettings)
    return Batch(id=row[0], created=row[1], settings=settings, candidates=row[3])


def action(row: tuple[Any, ...]) -> Action:
    """Decode id, at, what, changes."""
    changes = msgspec.json.decode(row[3], type=tuple[Change, ...])
    return Action(id=row[0], at=row[1], what=row[2], changes=changes)


def json(value: object) -> str:
    """Encode a column."""
    return msgspec.json.encode(value).decode()


def _novelty(text: str | None) -> Novelty | None:
    return None if text is None else msgspec.json.decode(text, type=Novelty)
