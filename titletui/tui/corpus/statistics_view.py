"""What is in a corpus, in a few lines."""

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
        self._insight: CorpusStatistics | None = None
        self._error = ""

    def show_nothing(self, name: str) -> None:
        """For a corpus that has no papers yet."""
        self._corpus, self._summary, self._insight, self._error = name, None, None, ""
        self._draw()

    def show_summary(self, summary: CorpusSummary) -> None:
        """What is known at once; the rest stays as it was counted last."""
        self._summary = summary
        self._draw()

    def show_insight(self, insight: CorpusStatistics) -> None:
        """What was counted."""
        self._insight, self._error = insight, ""
        self._draw()

    def show_error(self, error: str) -> None:
        """When it cannot be counted."""
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
        elif self._insight is None:
            rows.append(Content.styled("counting…", "$foreground 60%"))
        else:
            rows += _counted(self._insight, width)
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


def _counted(insight: CorpusStatistics, width: int) -> list[Content]:
    """Lengths of titles and of abstracts, years, and words; plots and figures in columns."""
    room = min(_PLOTS, max(_PLOT, width * 2 // 9))
    plots: list[tuple[str, str]] = []
    texts = [one for one in (insight.titles, insight.abstracts) if one.texts]
    for name, lengths in (("title", insight.titles), ("abstract", insight.abstracts)):
        if lengths.texts:
            plots.append((name, histogram(_usual(lengths), room)))
    figures = _figures(insight, texts, width - _NAME - room - 2)
    if len(insight.years) > 1:
        first, last = insight.years[0][0], insight.years[-1][0]
        plots.append(("years", histogram([count for _, count in insight.years], room)))
        figures.append(f"{first} … {last}")
    rows = [
        Content.assemble(
            (f"{name:<{_NAME}}", "$foreground 60%"), (f"{plot:<{room}}", "$primary"), "  ", said
        )
        for (name, plot), said in zip(plots, figures, strict=True)
    ]
    return [*rows, _words(insight.words, width)] if insight.words else rows


def _usual(lengths: Lengths) -> list[int]:
    """How many texts have one word, two, …; without the few that are far longer than most."""
    return lengths.counts[1 : max(lengths.p95 * 4 // 3, 2) + 1]


def _figures(insight: CorpusStatistics, texts: list[Lengths], room: int) -> list[str]:
    """The same figures of each, under one another; what matters least gives way first."""
    abstracts, tokens = insight.abstracts, insight.abstract_tokens
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
    """As many words as fit, each with its count and a bar."""
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
    """`updated today`, `updated 3 days ago`, `updated 2024-05-01`."""
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
