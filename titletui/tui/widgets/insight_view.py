"""What is in a corpus, in a few lines."""

from datetime import UTC, datetime

from textual.content import Content

from titletui.corpus.insight import Insight, Lengths
from titletui.corpus.store import CorpusSummary
from titletui.text import display
from titletui.tui.widgets.bars import bar, histogram
from titletui.tui.widgets.steady import Steady

CUT = 256
_LETTERS_A_TOKEN = 5
_NAME = 9
_PLOT = 10
_BAR = 6
_WIDE = 70


class InsightView(Steady):
    """Name, source and dates of a corpus; lengths, years and frequent words of its papers."""

    DEFAULT_CSS = """
    InsightView {
        height: auto;
        max-height: 7;
        padding: 0 1;
        border-bottom: hkey $panel;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._corpus = ""
        self._summary: CorpusSummary | None = None
        self._insight: Insight | None = None
        self._error = ""

    def show_nothing(self, name: str) -> None:
        """For a corpus that has no papers yet."""
        self._corpus, self._summary, self._insight, self._error = name, None, None, ""
        self._draw()

    def show_summary(self, summary: CorpusSummary) -> None:
        """What is known at once; the rest stays as it was counted last."""
        self._summary = summary
        self._draw()

    def show_insight(self, insight: Insight) -> None:
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


def _counted(insight: Insight, width: int) -> list[Content]:
    rows: list[Content] = []
    if insight.titles.texts:
        rows.append(_lengths("title", insight.titles, width, _middle(insight.titles)))
    if insight.abstracts.texts:
        rows.append(_lengths("abstract", insight.abstracts, width, _cut(insight)))
    if len(insight.years) > 1:
        rows.append(_years(insight.years, width))
    if insight.words:
        rows.append(_words(insight.words, width))
    return rows


def _lengths(name: str, lengths: Lengths, width: int, figures: list[str]) -> Content:
    """A histogram of words with as many of the figures as leave room for it."""
    while figures and len(" · ".join(figures)) > width - _NAME - _PLOT - 2:
        figures = figures[:-1]
    text = " · ".join(figures)
    counts = lengths.counts[1 : max(lengths.p95 * 4 // 3, 2) + 1]
    plot = histogram(counts, min(32, width - _NAME - 2 - len(text)))
    return Content.assemble((f"{name:<{_NAME}}", "$foreground 60%"), (plot, "$primary"), "  ", text)


def _middle(lengths: Lengths) -> list[str]:
    return [
        f"{lengths.mean:.1f} words",
        f"p95 {lengths.p95}",
        f"mode {lengths.mode}",
        f"median {lengths.median}",
    ]


def _cut(insight: Insight) -> list[str]:
    """Lengths, and how many abstracts a cut at `CUT` tokens would shorten."""
    lengths = insight.abstracts
    words = sum(n * count for n, count in enumerate(lengths.counts)) or 1
    tokens_a_word = max(1.0, lengths.letters / _LETTERS_A_TOKEN / words)
    shortened = lengths.longer_than(int(CUT / tokens_a_word))
    return [
        f"{lengths.mean:.0f} words",
        f"p95 {lengths.p95}",
        f"{shortened:.0%} over {CUT} tokens",
        f"mode {lengths.mode}",
        f"median {lengths.median}",
    ]


def _years(years: list[tuple[int, int]], width: int) -> Content:
    plot = histogram([count for _, count in years], width - _NAME - 12)
    return Content.assemble(
        (f"{'years':<{_NAME}}", "$foreground 60%"),
        f"{years[0][0]} ",
        (plot, "$primary"),
        f" {years[-1][0]}",
    )


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
