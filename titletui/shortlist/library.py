"""The library: all batches of candidates, and the shortlist.

A `Library` is thread-safe. Its calls may block on another process's lock, so the app makes them in
a thread; only `revision` never blocks.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from msgspec.structs import replace

from titletui.candidate import Candidate, Novelty
from titletui.errors import TitletuiError, UsageError
from titletui.settings import ShortlistSort
from titletui.shortlist import rows
from titletui.shortlist.filters import (
    checked_note,
    checked_tag,
    checked_title,
    matches,
    sort_favourites,
)
from titletui.shortlist.library_file import LibraryFile
from titletui.shortlist.records import (
    Action,
    Batch,
    BatchSettings,
    Change,
    Favourite,
)
from titletui.text import clean, fold

UNDO_STEPS = 1_000

T = TypeVar("T")

_CHUNK = 500


class Library(LibraryFile):
    """The batches and the shortlist of one user; `LibraryFile` opens it."""

    # Batches and their candidates

    def start_batch(self, settings: BatchSettings) -> int:
        """Store the settings of a new batch; return its id."""
        with self._writing():
            row = self._connection.execute(
                "INSERT INTO batches (created, settings) VALUES (?, ?) RETURNING id",
                (_now(), rows.json(settings)),
            ).fetchone()
        return int(row[0])

    def add_candidates(self, batch: int, arrived: Iterable[Candidate]) -> list[int]:
        """Store candidates of a batch in one transaction; return their ids."""
        with self._writing():
            return [rows.put_candidate(self._connection, batch, one) for one in arrived]

    def set_novelty(self, found: Iterable[tuple[int, Novelty]]) -> None:
        """Store the novelty of candidates, by their ids."""
        with self._writing():
            self._connection.executemany(
                "UPDATE candidates SET novelty = ? WHERE id = ?",
                [(rows.json(novelty), candidate) for candidate, novelty in found],
            )

    def judge_favourites(self, found: Iterable[tuple[Favourite, Novelty]]) -> int:
        """Store the novelty of favourites whose text is still the same; return how many changed.

        Not an action of the user: undo does not revert it.
        """
        changed = 0
        with self._writing():
            for judged, novelty in found:
                for favourite in self._favourites("WHERE id = ?", judged.id):
                    if favourite.text == judged.text and favourite.novelty != novelty:
                        self._put(favourite, replace(favourite, novelty=novelty))
                        changed += 1
        return changed

    def batches(self, *, before: int | None = None, limit: int = 100) -> list[Batch]:
        """Return batches, newest first, those before the id `before`."""
        return _decoded(
            rows.batch,
            self._all(
                "SELECT id, created, settings, "
                "(SELECT count(*) FROM candidates c WHERE c.batch = b.id) "
                "FROM batches b WHERE ? IS NULL OR id < ? ORDER BY id DESC LIMIT ?",
                before,
                before,
                limit,
            ),
        )

    def candidates(self, batch: int) -> list[Candidate]:
        """Return the candidates of a batch in order, without damaged rows."""
        return _decoded(
            rows.candidate,
            self._all(
                f"SELECT {rows.CANDIDATE}, {rows.STARRED} FROM candidates c "  # noqa: S608
                "WHERE batch = ? ORDER BY position, id",
                batch,
            ),
        )

    def seen(self, texts: Sequence[str], *, excluding: int | None = None) -> set[str]:
        """Return those of `texts` that are in another batch or on the shortlist.

        Args:
            excluding: the id of a batch to ignore.
        """
        return self._known(
            texts,
            "SELECT key FROM candidates WHERE key IN ({marks}) AND batch IS NOT ? "
            "UNION SELECT key FROM favourites WHERE key IN ({marks}) "
            "UNION SELECT original_key FROM favourites WHERE original_key IN ({marks})",
            lambda keys: [*keys, excluding, *keys, *keys],
        )

    def starred(self, texts: Sequence[str]) -> set[str]:
        """Return those of `texts` that are on the shortlist, edited or in their original form."""
        return self._known(
            texts,
            "SELECT key FROM favourites WHERE key IN ({marks}) "
            "UNION SELECT original_key FROM favourites WHERE original_key IN ({marks})",
            lambda keys: [*keys, *keys],
        )

    def choices(self, limit: int = 5_000) -> list[Candidate]:
        """Return the candidates of the newest batches with a star; repeated titles count once."""
        found = self._all(
            f"SELECT {rows.CANDIDATE}, {rows.STARRED} FROM candidates c WHERE {rows.CHOSEN} "  # noqa: S608
            "ORDER BY id DESC LIMIT ?",
            limit,
        )
        return list({fold(one.text): one for one in _decoded(rows.candidate, found)}.values())

    def count_choices(self) -> tuple[int, int, int]:
        """Return the newest candidate's id, and how many were starred and passed over."""
        ((newest, stars, passed),) = self._all(
            f"SELECT coalesce(max(id), 0), coalesce(sum({rows.STARRED}), 0), "  # noqa: S608
            f"coalesce(sum(NOT {rows.STARRED}), 0) FROM candidates c WHERE {rows.CHOSEN}"
        )
        return newest, stars, passed

    # The shortlist

    def favourites(self, matching: str = "", sort: ShortlistSort = "added") -> list[Favourite]:
        """Return the shortlist.

        Args:
            matching: see `titletui.shortlist.filters.matches`.
            sort: see `titletui.shortlist.filters.sort_favourites`.
        """
        kept = self._favourites("ORDER BY position, id")
        return sort_favourites([one for one in kept if matches(one, matching)], sort)

    def favourite(self, text: str) -> Favourite | None:
        """Return the favourite with this text, edited or original."""
        key = fold(clean(text))
        found = self._favourites("WHERE original_key = ? OR key = ? LIMIT 1", key, key)
        return found[0] if found else None

    def star(self, text: str, *, candidate: int | None = None) -> Favourite:
        """Add `text` to the shortlist, durably; return the favourite.

        A text that is there already, up to case, space and punctuation, is not added again.

        Args:
            candidate: the id of the candidate with its settings and scores.

        Raises:
            UsageError: the text is empty or too long.
            TitletuiError: it could not be saved.
        """
        text = checked_title(text)
        with self._acting("starred {}") as changes:
            there = self.favourite(text)
            if there is None:
                there = replace(self._new_favourite(candidate), text=text, original=text)
                changes.append(Change(None, there))
        return there

    def unstar(self, *ids: int) -> None:
        """Remove favourites from the shortlist; ignore those that are not there."""
        with self._acting("removed {}") as changes:
            for one in ids:
                changes += [Change(there, None) for there in self._favourites("WHERE id = ?", one)]

    def edit(self, favourite: int, text: str) -> Favourite:
        """Change the text of a favourite; the original stays.

        What was known of the old text is not true of the new one: another text has neither
        perplexity nor novelty until `judge_favourites` adds the novelty.

        Raises:
            UsageError: the text is empty, too long, or another favourite has it.
            TitletuiError: the favourite is not on the shortlist any more.
        """
        text = checked_title(text)
        with self._acting("edited {}") as changes:
            there = self._favourite(favourite)
            other = self._favourites("WHERE key = ? AND id != ?", fold(text), favourite)
            if other:
                raise UsageError(f"The shortlist has this title already: {other[0].text}")
            if text == there.text:
                return there
            edited = replace(there, text=text, perplexity=None, tokens=0, novelty=None)
            return _change(changes, there, edited)

    def set_note(self, favourite: int, note: str) -> Favourite:
        """Set the note of a favourite; an empty one removes it."""
        note = checked_note(note)
        with self._acting("wrote a note on {}") as changes:
            there = self._favourite(favourite)
            return _change(changes, there, replace(there, note=note))

    def set_tags(self, favourite: int, tags: Iterable[str]) -> Favourite:
        """Replace the tags of a favourite.

        Raises:
            UsageError: one is empty, too long, or more than a word.
        """
        names = tuple(sorted({checked_tag(name) for name in tags}))
        with self._acting("tagged {}") as changes:
            there = self._favourite(favourite)
            return _change(changes, there, replace(there, tags=names))

    def move(
        self,
        favourite: int,
        places: int,
        *,
        matching: str = "",
        sort: ShortlistSort = "order",
    ) -> bool:
        """Move a favourite down the list that `favourites(matching, sort)` returns.

        That list becomes the manual order; favourites that do not match keep their neighbours.
        Undo restores the earlier manual order.

        Args:
            places: rows to move down; up where negative.

        Returns:
            Whether it moved: not past the ends.
        """
        with self._acting("moved {}") as changes:
            there = self._favourite(favourite)
            all_ = sort_favourites(self._favourites("ORDER BY position, id"), sort)
            shown = [one for one in all_ if matches(one, matching)]
            at = shown.index(there)
            target = shown[min(max(0, at + places), len(shown) - 1)]
            if target == there:
                return False
            place = all_.index(target)
            all_.remove(there)
            all_.insert(place, there)
            moved = [
                Change(one, replace(one, order=order))
                for order, one in enumerate(all_)
                if one.order != order
            ]
            changes += sorted(moved, key=lambda change: change.before != there)
        return True

    def undo(self) -> str | None:
        """Undo the last change by any instance; return what it was, None if there is none.

        Raises:
            TitletuiError: its record is damaged; it is dropped.
        """
        return self._step("undone = 0 ORDER BY id DESC", undone=True)

    def redo(self) -> str | None:
        """Redo what was undone last; return what it was, None if there is none."""
        return self._step("undone = 1 ORDER BY id", undone=False)

    @contextlib.contextmanager
    def _acting(self, what: str) -> Iterator[list[Change]]:
        """Collect the changes of an action, then apply and log them in one transaction."""
        changes: list[Change] = []
        with self._writing():
            yield changes
            if not changes:
                return
            for change in changes:
                self._put(change.before, change.after)
            self._connection.execute("DELETE FROM actions WHERE undone = 1")
            (action,) = self._connection.execute(
                "INSERT INTO actions (at, what, changes) VALUES (?, ?, ?) RETURNING id",
                (_now(), what.format(_named(changes)), rows.json(changes)),
            ).fetchone()
            self._connection.execute("DELETE FROM actions WHERE id <= ?", (action - UNDO_STEPS,))
        if self.backups is not None:
            self.backups.count_action()

    def _step(self, which: str, *, undone: bool) -> str | None:
        with self._writing():
            found = self._all(
                f"SELECT id, at, what, changes FROM actions WHERE {which} LIMIT 1"  # noqa: S608
            )
            if not found:
                return None
            try:
                action: Action = rows.action(found[0])
            except rows.DECODE_ERRORS:
                self._connection.execute("DELETE FROM actions WHERE id = ?", (found[0][0],))
                action = Action(id=0, at="", what="", changes=())
            for change in action.changes:
                if undone:
                    self._put(change.after, change.before)
                else:
                    self._put(change.before, change.after)
            self._connection.execute(
                "UPDATE actions SET undone = ? WHERE id = ?", (undone, action.id)
            )
        if not action.id:
            raise TitletuiError("The record of this change is damaged: it cannot be undone.")
        return action.what

    def _put(self, before: Favourite | None, after: Favourite | None) -> None:
        if after is not None:
            rows.put_favourite(self._connection, after)
        elif before is not None:
            self._connection.execute("DELETE FROM favourites WHERE id = ?", (before.id,))

    def _new_favourite(self, candidate: int | None) -> Favourite:
        ((number, order),) = self._all(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'favourites'), 0) + 1, "
            "coalesce((SELECT max(position) FROM favourites) + 1, 0)"
        )
        blank = Favourite(id=number, text="", original="", order=order, starred=_now())
        if candidate is None:
            return blank
        found = self._all(
            f"SELECT {rows.CANDIDATE}, 0, "  # noqa: S608
            "(SELECT settings FROM batches b WHERE b.id = c.batch) FROM candidates c WHERE id = ?",
            candidate,
        )
        if not found:
            raise TitletuiError("This candidate is not in the library any more; generate it again.")
        source = rows.candidate(found[0][:-1])
        return replace(
            blank,
            settings=rows.batch((0, "", found[0][-1], 0)).settings,
            seed=source.seed,
            perplexity=source.perplexity,
            tokens=source.tokens,
            novelty=source.novelty,
        )

    def _favourite(self, number: int) -> Favourite:
        found = self._favourites("WHERE id = ?", number)
        if not found:
            raise TitletuiError("This title is not on the shortlist any more; undo brings it back.")
        return found[0]

    def _favourites(self, which: str, *values: object) -> list[Favourite]:
        query = f"SELECT {rows.FAVOURITE} FROM favourites {which}"  # noqa: S608
        return _decoded(rows.favourite, self._all(query, *values))

    def _known(
        self, texts: Sequence[str], query: str, values: Callable[[list[str]], list[object]]
    ) -> set[str]:
        keys = {text: fold(clean(text)) for text in texts}
        distinct = sorted(set(keys.values()))
        known: set[str] = set()
        for start in range(0, len(distinct), _CHUNK):
            chunk = distinct[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            known |= {key for (key,) in self._all(query.format(marks=marks), *values(chunk))}
        return {text for text, key in keys.items() if key in known}


def _decoded(decode: Callable[[tuple[Any, ...]], T], found: list[tuple[Any, ...]]) -> list[T]:
    """Decode rows, without those that a damaged disk has made undecodable."""
    decoded = []
    for row in found:
        with contextlib.suppress(*rows.DECODE_ERRORS):
            decoded.append(decode(row))
    return decoded


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _change(changes: list[Change], before: Favourite, after: Favourite) -> Favourite:
    if after != before:
        changes.append(Change(before, after))
    return after


def _named(changes: Sequence[Change]) -> str:
    first = changes[0].after or changes[0].before
    return f"“{first.text}”" if first else ""
