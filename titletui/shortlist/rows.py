"""Records to and from the rows of library.db."""

import sqlite3
from typing import Any

import msgspec

from titletui.candidate import Candidate, Novelty
from titletui.shortlist.records import (
    Action,
    Batch,
    BatchSettings,
    Change,
    Favourite,
)
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


def favourite(row: tuple[Any, ...]) -> Favourite:
    return Favourite(
        id=row[0],
        text=row[1],
        original=row[2],
        note=row[3],
        tags=tuple(msgspec.json.decode(row[4])),
        order=row[5],
        starred=row[6],
        settings=msgspec.json.decode(row[7], type=BatchSettings),
        seed=row[8],
        perplexity=row[9],
        tokens=row[10],
        novelty=_novelty(row[11]),
    )


def put_favourite(connection: sqlite3.Connection, one: Favourite) -> None:
    """Writes `one` in place of what has its id."""
    connection.execute(
        f"INSERT OR REPLACE INTO favourites (original_key, key, {FAVOURITE}) "  # noqa: S608
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            fold(one.original),
            fold(one.text),
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
        ),
    )


def candidate(row: tuple[Any, ...]) -> Candidate:
    """From the columns `CANDIDATE` and `STARRED`."""
    return Candidate(
        id=row[0],
        batch=row[1],
        index=row[2],
        text=row[3],
        perplexity=row[4],
        tokens=row[5],
        seed=row[6],
        whole=bool(row[7]),
        novelty=_novelty(row[8]),
        starred=bool(row[9]),
    )


def put_candidate(connection: sqlite3.Connection, batch: int, one: Candidate) -> int:
    """Adds `one` to the batch; returns its id."""
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
    return Batch(
        id=row[0],
        created=row[1],
        settings=msgspec.json.decode(row[2], type=BatchSettings),
        candidates=row[3],
    )


def action(row: tuple[Any, ...]) -> Action:
    changes = msgspec.json.decode(row[3], type=tuple[Change, ...])
    return Action(id=row[0], at=row[1], what=row[2], changes=changes)


def json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _novelty(text: str | None) -> Novelty | None:
    return None if text is None else msgspec.json.decode(text, type=Novelty)
