"""Abstracts as they are pasted become plain text."""

import pytest

from titletui.pasted import normalize_pasted
from titletui.tex import tex_to_unicode
from titletui.text import fold


def test_an_abstract_from_a_pdf_reads_as_it_was_written() -> None:
    pasted = (
        "Abstract—We present a trans-\nformer for e\ufb03cient \ufb01ne-\ntuning of low-\nresource "
        "speech, signal-to-\nnoise, x² and sig-\nni\ufb01cant gains."
    )
    assert normalize_pasted(pasted) == (
        "We present a transformer for efficient fine-tuning of low-resource speech, "
        "signal-to-noise, x² and significant gains."
    )
    assert normalize_pasted("Abstract interpretation is sound.").startswith("Abstract inter")


@pytest.mark.parametrize(
    ("written", "letters"),
    [
        ('Schr\\"odinger', "Schrödinger"),
        ('Schr{\\"{o}}dinger', "Schrödinger"),
        ("Erd\\H{o}s", "Erdős"),
        ("Poincar\\'e", "Poincaré"),
        ("\\v{C}ech", "Čech"),
        ("Gr{\\o}bner", "Grøbner"),
        ('na\\"{\\i}ve', "naïve"),
        ("$\\alpha$-decay \\cite{x}", "$\\alpha$-decay \\cite{x}"),
    ],
)
def test_tex_accents_become_letters(written: str, letters: str) -> None:
    assert tex_to_unicode(written) == letters
    assert fold(written) == fold(letters)
