"""Statistics of a corpus in a few lines."""

from datetime import UTC, datetime

from textual.content import Content

from titletui.corpus.statistics import CorpusStatistics, Lengths
from titletui.corpus.store import CorpusSummary
from titletui.text import display
from titletui.tui.textual_patches.static import StableStatic
from titletui.tui.widgets.bars import bar, histogram

CUT = 256
_NAME = 9
_PLOT = 10
_PLOTS = 32
_BAR = 6
_WIDE = 70


class StatisticsView(StableStatic):
    """Name, source and dates of a corpus; lengths, years and frequent words of its papers."""

    DEFAULT_CSS = """
    StatisticsView {
        height: auto;
        max-height: 6;
        padding: 0 1;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._corpus = ""
        self._summary: CorpusSummary | None = None
        self._statistics: CorpusStatistics | None = None
        self._error = ""

    def show_nothing(self, name: str) -> None:
        """Show the name of a corpus without papers."""
        self._corpus, self._summary, self._statistics, self._error = name, None, None, ""
        self._draw()

    def show_summary(self, summary: CorpusSummary) -> None:
        """Show the summary; the statistics stay as they were computed last."""
        self._summary = summary
        self._draw()

    def show_statistics(self, statistics: CorpusStatistics) -> None:
        """Show the statistics."""
        self._statistics, self._error = statistics, ""
        self._draw()

    def show_error(self, error: str) -> None:
        """Show why there are no statistics."""
        self._error = error
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = max(20, self.content_size.width)
        if self._summary is None:
            self.update(Content.styled(display(self._corpus), "bold"))
            return
        rows = self._head(self._summary)
        if self._error:
            rows.append(Content.styled(display(self._error), "$error"))
        elif self._statistics is None:
            rows.append(Content.styled("counting…", "$foreground 60%"))
        else:
            rows += _statistics_lines(self._statistics, width)
        self.update(Content("\n").join(row.truncate(width, ellipsis=True) for row in rows))

    def _head(self, summary: CorpusSummary) -> list[Content]:
        width = max(20, self.content_size.width)
        right = f"{summary.papers:,} papers"
        if summary.category:
            right = f"{display(summary.category)}  {right}"
        name = Content.styled(display(summary.name), "bold")
        name = name.truncate(max(4, width - len(right) - 2), ellipsis=True)
        gap = " " * max(1, width - name.cell_length - len(right))
        span = [part for part in (summary.earliest, summary.latest) if part]
        facts = [" … ".join(dict.fromkeys(span)), display(summary.source), _when(summary.updated)]
        return [
            Content.assemble(name, gap, (right, "$foreground 60%")),
            Content.styled(" · ".join(fact for fact in facts if fact), "$foreground 60%"),
        ]


def _statistics_lines(statistics: CorpusStatistics, width: int) -> list[Content]:
    """Return lengths of titles and abstracts, years and words: names, plots and figures aligned."""
    room = min(_PLOTS, max(_PLOT, width * 2 // 9))
    plots: list[tuple[str, str]] = []
    texts = [one for one in (statistics.titles, statistics.abstracts) if one.texts]
    for name, lengths in (("title", statistics.titles), ("abstract", statistics.abstracts)):
        if lengths.texts:
            plots.append((name, histogram(_length_counts(lengths), room)))
    figures = _figures(statistics, texts, width - _NAME - room - 2)
    if len(statistics.years) > 1:
        first, last = statistics.years[0][0], statistics.years[-1][0]
        plots.append(("years", histogram([count for _, count in statistics.years], room)))
        figures.append(f"{first} … {last}")
    rows = [
        Content.assemble(
            (f"{name:<{_NAME}}", "$foreground 60%"), (f"{plot:<{room}}", "$primary"), "  ", said
        )
        for (name, plot), said in zip(plots, figures, strict=True)
    ]
    return [*rows, _words(statistics.words, width)] if statistics.words else rows


def _length_counts(lengths: Lengths) -> list[int]:
    """Return the counts of texts by words, from 1 word to a third over the 95th percentile."""
    return lengths.counts[1 : max(lengths.p95 * 4 // 3, 2) + 1]


def _figures(statistics: CorpusStatistics, texts: list[Lengths], room: int) -> list[str]:
    """Return the figures of each text aligned; the least important are left out first."""
    abstracts, tokens = statistics.abstracts, statistics.abstract_tokens
    columns: dict[str, list[str]] = {
        "{} words": [f"{one.mean:.{0 if one is abstracts else 1}f}" for one in texts],
        "p95 {}": [f"{one.p95}" for one in texts],
        "mode {}": [f"{one.mode}" for one in texts],
        "median {}": [f"{one.median}" for one in texts],
    }
    lines: list[str] = []
    for kept, cut in ((4, True), (3, True), (2, True), (2, False), (1, False)):
        parts = [
            [form.format(f"{value:>{max(map(len, values))}}") for value in values]
            for form, values in list(columns.items())[:kept]
        ]
        rows = [list(row) for row in zip(*parts, strict=True)]
        for row, one in zip(rows, texts, strict=True):
            if cut and one is abstracts and tokens.texts:
                row.append(f"{tokens.longer_than(CUT):.0%} over {CUT} tokens")
        lines = [" · ".join(row) for row in rows]
        if all(len(line) <= room for line in lines):
            break
    return lines


def _words(words: list[tuple[str, int]], width: int) -> Content:
    """Return as many words as fit, each with its count and a bar."""
    most = words[0][1]
    rows: list[Content] = []
    used = 0
    for word, count in words:
        size = _BAR if width >= _WIDE else _BAR // 2
        entry = Content.assemble(
            (display(word)),
            (f" {count:,} ", "$foreground 60%"),
            (bar(count / most, size), "$primary"),
        )
        if used + entry.cell_length > width:
            break
        rows.append(entry)
        used += entry.cell_length + 2
    return Content("  ").join(rows)


def _when(updated: str) -> str:
    """Return `updated today`, `updated 3 days ago` or `updated 2024-05-01`."""
    try:
        moment = datetime.fromisoformat(updated)
    except ValueError:
        return ""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    days = (datetime.now(UTC).date() - moment.date()).days
    if days <= 0:
        return "updated today"
    if days == 1:
        return "updated yesterday"
    return f"updated {days} days ago" if days < 30 else f"updated {moment.date()}"
