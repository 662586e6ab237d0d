"""How fast corpora are: `python -m tests.benchmarks.corpus [--records N] [--titles N] …`.

Import: see `corpus_import`; queries: see `corpus_queries`. A zero leaves one of them out;
`--core 0` holds all processes to one processor.
"""

import argparse
import os
import tempfile
from pathlib import Path

from tests.benchmarks.corpus_import import imports
from tests.benchmarks.corpus_queries import queries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="to import")
    parser.add_argument("--rounds", type=int, default=3, help="of imports")
    parser.add_argument("--titles", type=int, default=3_000_000, help="to search")
    parser.add_argument("--folder", type=Path, help="for the files; otherwise that of the system")
    parser.add_argument("--core", type=int, help="run everything on this processor alone")
    wanted = parser.parse_args()
    if wanted.core is not None:
        os.sched_setaffinity(0, {wanted.core})
    with tempfile.TemporaryDirectory(dir=wanted.folder) as folder:
        print(f"processors {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
        if wanted.records:
            imports(Path(folder), wanted.records, wanted.rounds)
        if wanted.titles:
            queries(Path(folder), wanted.titles)
        print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
