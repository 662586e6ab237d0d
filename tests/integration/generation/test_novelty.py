"""Novelty beside a process that writes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.generation.novelty import NoveltyIndex


def fill(path: Path, name: str, titles: list[str], first: int = 0) -> None:
    with CorpusStore(path) as store:
        store.create(name)
        store.add(
            name,
            (
                Paper(id=f"{2001 + i // 50_000}.{i % 50_000:05}", title=title)
                for i, title in enumerate(titles, first)
            ),
        )


def test_a_writer_killed_within_a_commit_does_not_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "corpus.db"
    fill(path, "as", ["A Title"])
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from titletui.corpus.store import CorpusStore\n"
        "from titletui.corpus.schema import MIGRATIONS\n"
        "from titletui.database import open_database\n"
        "connection = open_database(Path(sys.argv[1]), MIGRATIONS)\n"
        "connection.execute('PRAGMA cache_size = 1')\n"
        "connection.execute('PRAGMA cache_spill = 1')\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "for i in range(20000):\n"
        "    row = (10**12 + i, str(i), 'half', *[''] * 5, 0)\n"
        "    connection.execute('INSERT INTO papers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', row)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with NoveltyIndex(path) as novelty:
        assert novelty.check("a title").kind == "copy"
        killed = subprocess.run(
            [sys.executable, "-c", script, str(path)], env=dict(os.environ), check=False
        )
        assert killed.returncode == -signal.SIGKILL
        assert path.with_name("corpus.db-journal").exists()
        assert novelty.check("a title").kind == "copy"
        assert novelty.check("half").kind == "new"
