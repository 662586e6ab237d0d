"""What goes down the line to the terminal: as little as will do, and no more than it takes.

Over a slow line every frame that waits makes the answer to a key wait as well. So frames are not
queued: while the terminal has not taken the last one, what changes is remembered and painted once,
as it then is. And what stands on the screen already is not sent again.
"""

import re
import time
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby, repeat
from operator import itemgetter
from typing import IO, Any

from rich.cells import get_character_cell_size
from rich.console import Console
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Event, Key, MouseDown, Paste, Resize
from textual.geometry import Region
from textual.screen import Screen
from textual.timer import Timer

_LOOK = 0.05
# A write that takes this long has waited for the terminal.
_WAITED = 0.05
# The thread that writes is given this long to get to it.
_MOMENT = 0.01
# Bytes that the kernel holds for a pseudo-terminal when it makes writers wait.
_HELD = 8192
_LONGEST = 3.0
_STALE = 30.0
# Cells between two that change which are sent along, since moving the cursor costs as much.
_ALONG = 6
# What is painted so soon after a key is its answer.
_ANSWER = 0.5
_MOVE = re.compile(r"\x1b\[(\d+);(\d+)H")
_STYLE = re.compile(r"\x1b\[([\d;]*)m")

# What a cell shows: its style as SGR codes, and a character.
Cell = tuple[str, str]
# Row, as the terminal counts → its cells from the left; None where it is not known what they show.
Painted = dict[int, list[Cell | None]]


class Line:
    """The file that frames are written to, which knows how much of them is still on the way."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._given = 0
        self._taken = 0
        self._rate = 0.0
        self._held = 0.0
        self._last = self._measured = self._since = time.monotonic()

    def give(self, text: str) -> None:
        """Notes what is about to be written."""
        if self._given == self._taken:
            self._since = time.monotonic()
        self._given += len(text)

    def write(self, text: str) -> None:
        """Writes it, for as long as that takes; called in the thread of the driver."""
        began = time.monotonic()
        self._file.write(text)
        self._file.flush()
        now = time.monotonic()
        if now - began > _WAITED:
            self._rate, self._measured = len(text) / (now - began), now
            self._held = _HELD
        else:
            self._held = self._still_held(now) + len(text)
        self._last = now
        self._taken += len(text)

    def flush(self) -> None:
        """Nothing is kept back."""

    def fileno(self) -> int:
        """The terminal's file descriptor."""
        return self._file.fileno()

    def busy(self, *, urgent: bool) -> bool:
        """Whether a frame would have to wait.

        Args:
            urgent: it answers a key, so what the kernel may still hold does not matter.
        """
        now = time.monotonic()
        if self._given > self._taken:
            return now - self._since > _MOMENT
        if urgent or not self._rate or now - self._measured > _STALE:
            return False
        return now - self._last < _LONGEST and self._still_held(now) > self._rate * _LOOK

    def _still_held(self, now: float) -> float:
        return max(0.0, self._held - self._rate * (now - self._last)) if self._rate else 0.0


class LineDriver(LinuxDriver):
    """Textual's driver, writing to a `Line`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        assert self._file is not None
        self.line = Line(self._file)
        self._file = self.line  # type: ignore[assignment]

    def start_application_mode(self) -> None:
        """Takes the terminal, at first or again: nothing of ours stands on it."""
        if isinstance(self._app, FrameDiffApp):
            self._app.forget_painted()
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def write(self, data: str) -> None:
        """Hands it to the thread that writes."""
        self.line.give(data)
        super().write(data)


class FrameDiffApp(App[int]):
    """An app that paints what the terminal can take."""

    def __init__(self) -> None:
        self._painted: Painted = {}
        self._withheld: set[Region] = set()
        self._later: Timer | None = None
        self._key = 0.0
        super().__init__()

    def get_driver_class(self) -> type[Driver]:
        """The driver for this terminal, or for what the app is served by."""
        found = super().get_driver_class()
        return LineDriver if found is LinuxDriver else found

    def forget_painted(self) -> None:
        """Something else may have written to the terminal: the next frames are sent whole."""
        self._painted.clear()

    async def on_event(self, event: Event) -> None:
        """Notes keys, which are answered first; a terminal of another size shows what it likes."""
        if isinstance(event, Key | Paste | MouseDown):
            self._key = time.monotonic()
        elif isinstance(event, Resize):
            self.forget_painted()
        await super().on_event(event)

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        regions = _regions(renderable)
        if not isinstance(self._driver, LineDriver) or self._batch_count or not regions:
            super()._display(screen, renderable)
        elif self._line_busy(self._driver.line):
            self._withheld.update(regions)
            if self._later is None:
                self._later = self.set_interval(_LOOK, self._paint_withheld)
        else:
            super()._display(screen, _Short(renderable, self._painted))  # type: ignore[arg-type]

    def _line_busy(self, line: Line) -> bool:
        return line.busy(urgent=time.monotonic() - self._key < _ANSWER)

    def _paint_withheld(self) -> None:
        if isinstance(self._driver, LineDriver) and self._line_busy(self._driver.line):
            return
        if self._later is not None:
            self._later.stop()
            self._later = None
        regions, self._withheld = self._withheld, set()
        if self.screen_stack:
            self.screen.refresh(*regions)


class _Short(CompositorUpdate):
    """An update without what stands on the screen already.

    Args:
        painted: kept up to date.
    """

    def __init__(self, update: CompositorUpdate, painted: Painted) -> None:
        self._update = update
        self._painted = painted

    def render_segments(self, console: Console) -> str:
        """The bytes for the terminal."""
        return shortened(self._update.render_segments(console), self._painted)


def shortened(frame: str, painted: Painted) -> str:
    """The cells of `frame` that do not stand there already, in as few bytes as will do.

    Args:
        frame: pieces of styled text, each after the place where it belongs and within its row.
    """
    before, *parts = _MOVE.split(frame)
    sent = [before]
    for row, column, text in zip(*(iter(parts),) * 3, strict=True):
        piece = text.rstrip("\r\n")
        start = int(column) - 1
        cells = _cells(piece)
        if cells is None:
            painted.pop(int(row), None)
            sent += [f"\x1b[{row};{column}H", piece]
            continue
        shown = painted.setdefault(int(row), [])
        shown += [None] * (start + len(cells) - len(shown))
        for first, end in _changed(shown[start : start + len(cells)], cells):
            sent += [f"\x1b[{row};{start + first + 1}H", _said(cells[first:end])]
        shown[start : start + len(cells)] = cells
        if not cells:
            sent.append(f"\x1b[{row};{column}H")
    return "".join(sent)


def _cells(piece: str) -> list[Cell] | None:
    """What each cell of a piece shows; None where a character takes more than one, or none."""
    cells: list[Cell] = []
    codes = ""
    at = 0
    for found in [*_STYLE.finditer(piece), None]:
        text = piece[at : found.start() if found else len(piece)]
        if not text.isascii() and any(get_character_cell_size(one) != 1 for one in set(text)):
            return None
        cells += zip(repeat(codes), text)
        if found:
            at, codes = found.end(), _restyled(codes, found[1])
    return cells


def _changed(before: list[Cell | None], after: list[Cell]) -> Iterator[tuple[int, int]]:
    """Runs of cells that are not as before, those that are near each other in one."""
    places = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    while places:
        end = next(
            (n for n in range(1, len(places)) if places[n] - places[n - 1] > _ALONG), len(places)
        )
        yield places[0], places[end - 1] + 1
        places = places[end:]


def _said(cells: list[Cell]) -> str:
    """Cells as bytes, each colour said when it changes and not before."""
    out: list[str] = []
    said: dict[str, str] = {}
    for codes, run in groupby(cells, key=itemgetter(0)):
        meant = _styled(codes)
        out += [_change(said, meant), *(character for _, character in run)]
        said = meant
    return "".join([*out, "\x1b[0m" if said else ""])


@lru_cache(4096)
def _restyled(style: str, codes: str) -> str:
    """The codes of a style after those of an SGR sequence."""
    return ";".join(_styled(f"{style};{codes or '0'}" if style else codes or "0").values())


@lru_cache(4096)
def _styled(codes: str) -> dict[str, str]:
    """What SGR codes are about → those that are about it; not to be changed."""
    style: dict[str, str] = {}
    parts = codes.split(";") if codes else []
    while parts:
        many = 1
        if parts[0] in ("38", "48"):
            many = 5 if parts[1:2] == ["2"] else 3
        code, parts = parts[:many], parts[many:]
        first = int(code[0] or 0)
        if first == 0:
            style = {}
        elif 30 <= first <= 39 or 90 <= first <= 97:
            style["text"] = ";".join(code)
        elif 40 <= first <= 49 or 100 <= first <= 107:
            style["ground"] = ";".join(code)
        else:
            style[code[0]] = code[0]
    return style


def _change(said: dict[str, str], meant: dict[str, str]) -> str:
    if said == meant:
        return ""
    if not said.keys() <= meant.keys():
        return f"\x1b[{';'.join(['0', *meant.values()]) if meant else '0'}m"
    changed = [codes for what, codes in meant.items() if said.get(what) != codes]
    return f"\x1b[{';'.join(changed)}m"


def _regions(renderable: Any) -> set[Region]:
    """What an update paints; empty where that cannot be told."""
    if isinstance(renderable, LayoutUpdate):
        return {renderable.region}
    if isinstance(renderable, ChopsUpdate):
        return {Region(start, y, end - start, 1) for y, start, end in renderable.spans}
    return set()
