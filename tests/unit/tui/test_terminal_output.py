"""What is sent to the terminal: nothing twice, nothing that has to wait, and the same picture."""

import fcntl
import os
import random
import threading
import time

import pyte

from titletui.tui.terminal.frame_diff import Line, Painted, shortened

STYLES = (
    "\x1b[1;38;2;122;162;247;48;2;38;41;54m",
    "\x1b[38;2;168;169;174;48;2;38;41;54m",
    "\x1b[48;2;38;41;54m",
    "\x1b[7m",
    "\x1b[3;38;5;12m",
    "\x1b[91;44m",
    "\x1b[39;49m",
    "",
)


def frame(draw: random.Random) -> str:
    """Rows, or pieces of rows, each style ended by a reset."""
    pieces = []
    for row in sorted(draw.sample(range(1, 11), draw.randint(1, 10))):
        column = draw.choice((1, 1, 1, 5, 20))
        text = [
            f"{style}{word}\x1b[0m" if style else word
            for style, word in zip(
                draw.choices(STYLES, k=4),
                draw.choices(("ab", "    ", "x─y", "z", "音"), k=4),
                strict=True,
            )
        ]
        pieces.append(f"\x1b[{row};{column}H{''.join(text)}")
    return "\r\n".join(pieces) + "\x1b[3;4H"


def picture(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    return [[tuple(screen.buffer[y][x]) for x in range(40)] for y in range(12)]


def test_the_picture_is_the_same_in_fewer_bytes() -> None:
    draw = random.Random(5)
    painted: Painted = {}
    whole, short = pyte.Screen(40, 12), pyte.Screen(40, 12)
    sent = [0, 0]
    frames: list[str] = []
    for _ in range(200):
        frames.append(draw.choice([*frames[-3:], frame(draw), frame(draw)]))
        fewer = shortened(frames[-1], painted)
        pyte.Stream(whole).feed(frames[-1])
        pyte.Stream(short).feed(fewer)
        assert picture(short) == picture(whole)
        sent = [sent[0] + len(frames[-1]), sent[1] + len(fewer)]
    assert sent[1] < 0.8 * sent[0]


def test_what_stands_there_is_not_sent_again() -> None:
    painted: Painted = {}
    row = "\x1b[2;1H\x1b[31mred otters\x1b[0m"
    assert "red otters" in shortened(row, painted)
    assert shortened(row, painted) == ""
    assert "o" in shortened("\x1b[2;2Ho", painted)
    assert shortened(row, painted) == "\x1b[2;2H\x1b[31me\x1b[0m", "all else stands there"
    assert shortened(row.replace("otters", "badger"), painted).count("ed") == 0


def test_characters_of_other_widths_are_always_sent() -> None:
    painted: Painted = {}
    for wide in ("\u97f3\u58f0", "e\u0301", "\U0001f9a6"):
        row = f"\x1b[2;1H{wide} otters"
        assert shortened(row, painted) == shortened(row, painted) == row


def test_a_colour_that_stays_is_said_once() -> None:
    said = shortened("\x1b[1;1H\x1b[31;44ma\x1b[0m\x1b[31;44mb\x1b[0m\x1b[32;44mc\x1b[0md", {})
    assert said == "\x1b[1;1H\x1b[31;44mab\x1b[32mc\x1b[0md"


def test_a_line_is_busy_until_the_terminal_has_taken_what_it_was_given() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as terminal, os.fdopen(writing, "w") as file:
        line = Line(file)
        assert not line.busy(urgent=False)
        room = fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)
        os.write(writing, b" " * room)
        late = "x" * 2_000
        line.give(late)
        assert not line.busy(urgent=True), "the thread that writes has only just been told"
        writer = threading.Thread(target=line.write, args=[late])
        writer.start()
        time.sleep(0.6)
        assert line.busy(urgent=True)
        left = room + len(late)
        while left:
            left -= len(terminal.read(left))
        writer.join()
        assert not line.busy(urgent=True), "a key is answered at once"
        assert line.busy(urgent=False), "the line is slow: what nobody waits for comes later"
        time.sleep(3.1)
        assert not line.busy(urgent=False)
