"""The frozen copy of the papers a run trains on, `papers.jsonl.gz`, and its hash-based splits."""

import gzip
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from titletui.corpus.paper import Paper
from titletui.errors import TitletuiError


def freeze_papers(papers: Iterable[Paper], path: Path, *, abstracts: bool) -> tuple[int, str]:
    """Copy the fields that training reads to `path`, one JSON object a line.

    Returns:
        The number of papers, and the sha256 of the uncompressed copy.
    """
    digest = hashlib.sha256()
    encoder = msgspec.json.Encoder()
    count = 0
    with gzip.GzipFile(path, "wb", compresslevel=3, mtime=0) as file:
        path.chmod(0o600)
        for paper in papers:
            fields = {"id": paper.id, "title": paper.title}
            if abstracts and paper.abstract:
                fields["abstract"] = paper.abstract
            line = encoder.encode(fields) + b"\n"
            digest.update(line)
            file.write(line)
            count += 1
    return count, digest.hexdigest()


def read_papers(path: Path, sha256: str) -> Iterator[Paper]:
    """The frozen papers, in their order.

    Raises:
        TitletuiError: the file is damaged, or is not the one that the run began with.
    """
    decoder = msgspec.json.Decoder(Paper)
    for line in frozen_lines(path, sha256):
        try:
            yield decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise TitletuiError(f"{path} is damaged ({error}); start a new run.") from error


def frozen_lines(path: Path, sha256: str) -> Iterator[bytes]:
    """The frozen papers as undecoded lines; the hash is checked after the last one.

    Raises:
        TitletuiError: the file is damaged, or is not the one that the run began with.
    """
    digest = hashlib.sha256()
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                digest.update(line)
                yield line
    except (OSError, EOFError) as error:
        raise TitletuiError(f"{path} is damaged ({error}); start a new run.") from error
    if digest.hexdigest() != sha256:
        raise TitletuiError(
            f"{path} is not the training set that the run began with (its sha256 differs); start a "
            "new run."
        )


def in_split(paper: Paper, share: float, purpose: str) -> bool:
    """Whether a paper belongs to a share of all papers; stable for a purpose."""
    return hash_fraction(paper, purpose) < share


def hash_fraction(paper: Paper, purpose: str) -> float:
    """A uniform number in [0, 1) that depends on the paper's id and the purpose alone."""
    digest = hashlib.sha256(f"{purpose}:{paper.id}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
