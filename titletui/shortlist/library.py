"""library.db: every batch that was generated, and the titles that were starred.

One `Library` may be used from several threads. Its calls may wait for another process's lock, so
an app makes them in a thread; only `revision` is quick enough for an event loop.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

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

_CHUNK = 500


class Library(LibraryFile):
    """The batches and the shortlist of one user; see `LibraryFile` for opening it."""

    # Batches and their candidates

    def start_batch(self, settings: BatchSettings) -> int:
        """Keeps what a batch was asked for; returns the batch's id."""
        with self._writing():
            row = self._connection.execute(
                "INSERT INTO batches (created, settings) VALUES (?, ?) RETURNING id",
                (_now(), rows.json(settings)),
            ).fetchone()
        return int(row[0])

    def add_candidates(self, batch: int, arrived: Iterable[Candidate]) -> list[int]:
        """Keeps candidates of a batch, all in one transaction; returns their ids."""
        with self._writing():
            return [rows.put_candidate(self._connection, batch, one) for one in arrived]

    def judge(self, verdicts: Iterable[tuple[int, Novelty]]) -> None:
        """Keeps the novelty of candidates, by their ids."""
        with self._writing():
            self._connection.executemany(
                "UPDATE candidates SET novelty = ? WHERE id = ?",
                [(rows.json(novelty), candidate) for candidate, novelty in verdicts],
            )

    def batches(self, *, before: int | None = None, limit: int = 100) -> list[Batch]:
        """The batches, newest first; `before` a batch's id, for the page after it."""
        return [
            rows.batch(row)
            for row in self._all(
                "SELECT id, created, settings, "
                "(SELECT count(*) FROM candidates c WHERE c.batch = b.id) "
                "FROM batches b WHERE ? IS NULL OR id < ? ORDER BY id DESC LIMIT ?",
                before,
                before,
                limit,
            )
        ]

    def candidates(self, batch: int) -> list[Candidate]:
        """The candidates of a batch in their order."""
        return [
            rows.candidate(row)
            for row in self._all(
                f"SELECT {rows.CANDIDATE}, {rows.STARRED} FROM candidates c "  # noqa: S608
                "WHERE batch = ? ORDER BY position, id",
                batch,
            )
        ]

    def seen(self, texts: Sequence[str], *, but: int | None = None) -> set[str]:
        """Those of `texts` that an earlier batch, or the shortlist, holds already.

        Args:
            but: a batch that does not count.
        """
        return self._known(
            texts,
            "SELECT key FROM candidates WHERE key IN ({marks}) AND batch IS NOT ? "
            "UNION SELECT key FROM favourites WHERE key IN ({marks}) "
            "UNION SELECT original_key FROM favourites WHERE original_key IN ({marks})",
            lambda keys: [*keys, but, *keys, *keys],
        )

    def starred(self, texts: Sequence[str]) -> set[str]:
        """Those of `texts` that are on the shortlist, edited or as they were."""
        return self._known(
            texts,
            "SELECT key FROM favourites WHERE key IN ({marks}) "
            "UNION SELECT original_key FROM favourites WHERE original_key IN ({marks})",
            lambda keys: [*keys, *keys],
        )

    def choices(self, limit: int = 5_000) -> list[Candidate]:
        """What was starred and what was passed over: the candidates of the newest batches from
        which something was starred. A title that was shown more than once counts once.
        """
        distinct: dict[str, Candidate] = {}
        for row in self._all(
            f"SELECT {rows.CANDIDATE}, {rows.STARRED} FROM candidates c WHERE {rows.CHOSEN} "  # noqa: S608
            "ORDER BY id DESC LIMIT ?",
            limit,
        ):
            one = rows.candidate(row)
            distinct[fold(one.text)] = one
        return list(distinct.values())

    def count_choices(self) -> tuple[int, int, int]:
        """The newest candidate's id, and how many were starred and passed over, repeats too."""
        ((newest, stars, passed),) = self._all(
            f"SELECT coalesce(max(id), 0), coalesce(sum({rows.STARRED}), 0), "  # noqa: S608
            f"coalesce(sum(NOT {rows.STARRED}), 0) FROM candidates c WHERE {rows.CHOSEN}"
        )
        return newest, stars, passed

    # The shortlist

    def favourites(self, matching: str = "", sort: ShortlistSort = "added") -> list[Favourite]:
        """The shortlist.

        Args:
            matching: see `titletui.shortlist.filters.matches`.
            sort: see `titletui.shortlist.filters.sort_favourites`.
        """
        kept = self._favourites("ORDER BY position, id")
        return sort_favourites([one for one in kept if matches(one, matching)], sort)

    def favourite(self, text: str) -> Favourite | None:
        """The favourite that reads `text`, now or as it was starred."""
        key = fold(clean(text))
        found = self._favourites("WHERE original_key = ? OR key = ? LIMIT 1", key, key)
        return found[0] if found else None

    def star(self, text: str, *, candidate: int | None = None) -> Favourite:
        """Puts `text` on the shortlist; on disk when this returns.

        A text that is there already, but for case, space or punctuation, stays one favourite.

        Args:
            candidate: the id of the candidate that it is, for its settings and scores.

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
        """Takes favourites from the shortlist; those that are gone already are passed over."""
        with self._acting("removed {}") as changes:
            for one in ids:
                changes += [Change(there, None) for there in self._favourites("WHERE id = ?", one)]

    def edit(self, favourite: int, text: str) -> Favourite:
        """Changes how a favourite reads; the original stays.

        Raises:
            UsageError: the text is empty, too long, or another favourite reads so.
            TitletuiError: it is not on the shortlist any more.
        """
        text = checked_title(text)
        with self._acting("edited {}") as changes:
            there = self._favourite(favourite)
            other = self._favourites("WHERE key = ? AND id != ?", fold(text), favourite)
            if other:
                raise UsageError(f"The shortlist has this title already: {other[0].text}")
            return _change(changes, there, replace(there, text=text))

    def note(self, favourite: int, note: str) -> Favourite:
        """Sets a favourite's note; an empty one takes it away."""
        note = checked_note(note)
        with self._acting("wrote a note on {}") as changes:
            there = self._favourite(favourite)
            return _change(changes, there, replace(there, note=note))

    def tag(self, favourite: int, tags: Iterable[str]) -> Favourite:
        """Sets a favourite's tags, all of them.

        Raises:
            UsageError: one is empty, too long, or more than a word.
        """
        names = tuple(sorted({checked_tag(name) for name in tags}))
        with self._acting("tagged {}") as changes:
            there = self._favourite(favourite)
            return _change(changes, there, replace(there, tags=names))

    def move(self, favourite: int, places: int) -> None:
        """Moves a favourite down the list sorted by `order` (up where `places` is negative)."""
        with self._acting("moved {}") as changes:
            there = self._favourite(favourite)
            kept = self._favourites("ORDER BY position, id")
            index = kept.index(there)
            kept.insert(min(max(0, index + places), len(kept) - 1), kept.pop(index))
            moved = [
                Change(one, replace(one, order=order))
                for order, one in enumerate(kept)
                if one.order != order
            ]
            changes += sorted(moved, key=lambda change: change.before != there)

    def undo(self) -> str | None:
        """Takes back the last action, of any instance; returns what it was, None without one."""
        return self._step("undone = 0 ORDER BY id DESC", undone=True)

    def redo(self) -> str | None:
        """Does again what was undone last; returns what it was, None without one."""
        return self._step("undone = 1 ORDER BY id", undone=False)

    @contextlib.contextmanager
    def _acting(self, what: str) -> Iterator[list[Change]]:
        """Collects an action's changes, then makes and logs them in the same transaction."""
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
            action: Action = rows.action(found[0])
            for change in action.changes:
                if undone:
                    self._put(change.after, change.before)
                else:
                    self._put(change.before, change.after)
            self._connection.execute(
                "UPDATE actions SET undone = ? WHERE id = ?", (undone, action.id)
            )
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
        return [rows.favourite(row) for row in self._all(query, *values)]

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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _change(changes: list[Change], before: Favourite, after: Favourite) -> Favourite:
    if after != before:
        changes.append(Change(before, after))
    return after


def _named(changes: Sequence[Change]) -> str:
    first = changes[0].after or changes[0].before
    return f"“{first.text}”" if first else ""
