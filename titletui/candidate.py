"""A generated title, from the sampler to the export."""

import msgspec


class Novelty(msgspec.Struct, frozen=True, kw_only=True):
    """A title compared with the papers of a corpus.

    Attributes:
        kind: `new`, `near` or `copy`; a copy has a paper's title but for case,
            space and punctuation.
        similarity: to the nearest title, 0…1; 0 where no title shares a word with it.
        id, title, year: of the nearest paper; empty and None where there is none.
    """

    kind: str
    similarity: float = 0.0
    id: str = ""
    title: str = ""
    year: int | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One generated title.

    Attributes:
        text: with its prefix, without special tokens.
        index: its place in the batch.
        perplexity: exp of the mean cross-entropy of its own tokens at temperature 1, untruncated,
            the end token included, prompt and prefix excluded; None where it is not known.
        tokens: how many tokens of its own.
        token_ids: those tokens; empty once it is stored.
        seed: of its batch.
        whole: it ended with an end token, not at the length limit.
        novelty: None until it was compared.
        id: in the library; None until it is stored.
        batch: the id of its batch in the library.
        starred: its text is on the shortlist, edited or not.
    """

    text: str
    index: int = 0
    perplexity: float | None = None
    tokens: int = 0
    token_ids: tuple[int, ...] = ()
    seed: int | None = None
    whole: bool = True
    novelty: Novelty | None = None
    id: int | None = None
    batch: int | None = None
    starred: bool = False
