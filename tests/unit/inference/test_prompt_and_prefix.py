"""Prompt and prefix are fitted into what a model can read."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tests.support.models import TITLES
from titletui.inference.prefix import Opening, open_title
from titletui.models.prompts import Prompt, make_prompt
from titletui.models.token_bytes import Vocabulary, read_vocabulary, vocabulary_of
from titletui.training.from_scratch import train_tokenizer

ABSTRACT = "We study speech. It is hard. We do it well. "


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return vocabulary_of(train_tokenizer(TITLES, 400))


def opened(vocabulary: Vocabulary, prefix: str, prompt: Prompt | None = None) -> Opening:
    return open_title(vocabulary, prompt or Prompt(), prefix, max_tokens=20, context=64)


def text(vocabulary: Vocabulary, tokens: tuple[int, ...]) -> str:
    return vocabulary.bytes_of(list(tokens)).decode()


def test_the_last_word_may_be_written_otherwise(vocabulary: Vocabulary) -> None:
    opening = opened(vocabulary, "Robust Speech Recogn")
    kept = len(opening.tokens) - opening.ending
    assert text(vocabulary, opening.tokens) == "Robust Speech Recogn"
    assert text(vocabulary, opening.tokens[kept:]) == " Recogn"


def test_only_the_space_is_open_after_a_space(vocabulary: Vocabulary) -> None:
    opening = opened(vocabulary, "Robust Speech ")
    kept = len(opening.tokens) - opening.ending
    assert text(vocabulary, opening.tokens[kept:]) == " "
    assert opening.shown == "Robust Speech "


def test_many_spaces_are_shown_but_read_as_one(vocabulary: Vocabulary) -> None:
    opening = opened(vocabulary, "Robust \t  Speech")
    assert text(vocabulary, opening.tokens) == "Robust Speech"
    assert opening.shown == "Robust    Speech".replace("    ", " " * 4)


def test_no_prefix_leaves_nothing_open(vocabulary: Vocabulary) -> None:
    for nothing in ("", "   ", "\n"):
        opening = opened(vocabulary, nothing)
        assert (opening.tokens, opening.ending, opening.shown) == ((vocabulary.start,), 0, "")


def test_a_prefix_longer_than_the_context_is_read_from_its_end(vocabulary: Vocabulary) -> None:
    prefix = "q" * 500 + " Robust"
    opening = opened(vocabulary, prefix)
    assert len(opening.tokens) + opening.max_tokens <= 64
    assert text(vocabulary, opening.tokens).endswith(" Robust")
    assert opening.shown == prefix
    assert "prefix" in opening.note


def test_of_a_word_without_an_end_only_the_last_letters_may_be_written_otherwise(
    vocabulary: Vocabulary,
) -> None:
    opening = opened(vocabulary, "q" * 40)
    kept = len(opening.tokens) - opening.ending
    assert text(vocabulary, opening.tokens) == "q" * 40
    assert text(vocabulary, opening.tokens[kept:]) == "q" * 24


def test_a_prefix_that_takes_all_the_room_leaves_none_for_the_abstract(
    vocabulary: Vocabulary,
) -> None:
    prompt = make_prompt("abstract-to-title", abstract=ABSTRACT)
    opening = opened(vocabulary, "q" * 500 + " Robust", prompt)
    read = text(vocabulary, opening.tokens)
    assert len(opening.tokens) + opening.max_tokens <= 64
    assert read.startswith("\n\nq")
    assert read.endswith("q Robust")
    assert "prefix is longer" in opening.note
    assert "abstract is longer" in opening.note


def test_an_abstract_is_cut_at_the_end_of_a_sentence(vocabulary: Vocabulary) -> None:
    prompt = make_prompt("abstract-to-title", abstract=ABSTRACT * 5)
    opening = open_title(vocabulary, prompt, "", max_tokens=20, context=96)
    read = text(vocabulary, opening.tokens)
    assert read.endswith((". \n\n", ".\n\n"))
    assert ABSTRACT.startswith(read[:10])
    assert len(opening.tokens) + opening.max_tokens <= 96
    assert "abstract" in opening.note


def test_an_abstract_that_fits_is_left_whole(vocabulary: Vocabulary) -> None:
    prompt = make_prompt("abstract-to-title", abstract=ABSTRACT)
    opening = open_title(vocabulary, prompt, "", max_tokens=8, context=96)
    assert text(vocabulary, opening.tokens) == ABSTRACT.strip() + "\n\n"
    assert opening.note == ""


def test_one_endless_sentence_is_cut_at_a_word(vocabulary: Vocabulary) -> None:
    prompt = make_prompt("abstract-to-title", abstract="speech and music " * 60)
    opening = open_title(vocabulary, prompt, "", max_tokens=20, context=96)
    assert text(vocabulary, opening.tokens).removesuffix("\n\n").split()[-1] in (
        "speech",
        "and",
        "music",
    )


@pytest.mark.parametrize(
    "prefix", ["<|endoftext|> x", "[/b]$\\alpha$", "\x1b[31mred", "é☃𝛼 ü", "a\ud800b"]
)
def test_a_hostile_prefix_is_only_text(vocabulary: Vocabulary, prefix: str) -> None:
    opening = opened(vocabulary, prefix)
    assert vocabulary.end not in opening.tokens[1:]
    assert text(vocabulary, opening.tokens) == opening.shown
    opening.shown.encode()


def test_a_vocabulary_read_from_a_folder_is_the_same(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(TITLES, 400)
    tokenizer.save_pretrained(tmp_path)
    read, given = read_vocabulary(tmp_path), vocabulary_of(tokenizer)
    assert read is not None
    assert (read.pieces, read.start, read.end) == (given.pieces, given.start, given.end)
    assert read.encode("Robust ☃") == tokenizer.encode("Robust ☃", add_special_tokens=False)


def test_tokens_are_found_by_what_they_begin_with(vocabulary: Vocabulary) -> None:
    found = vocabulary.starting_with(b" S")
    expected = [t for t, piece in enumerate(vocabulary.pieces) if piece.startswith(b" S")]
    assert sorted(found) == expected
    assert len(found) > 1


def test_a_tokenizer_that_marks_words_by_a_space_before_them() -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "</s>"], show_progress=False
    )
    tokenizer.train_from_iterator(TITLES, trainer)
    vocabulary = Vocabulary(tokenizer, 0, 1)
    assert vocabulary.pieces[0] == vocabulary.pieces[1] == b""
    opening = opened(vocabulary, "Robust Spe")
    assert text(vocabulary, opening.tokens) == " Robust Spe"
    kept = len(opening.tokens) - opening.ending
    assert text(vocabulary, opening.tokens[kept:]) == " Spe"


def test_an_abstract_is_read_no_further_than_the_model_was_trained_to(
    vocabulary: Vocabulary,
) -> None:
    prompt = make_prompt("abstract-to-title", abstract=ABSTRACT * 20)
    opening = open_title(vocabulary, prompt, "", max_tokens=20, context=512, trained=100)
    assert 50 < len(opening.tokens) <= 68
    assert text(vocabulary, opening.tokens).endswith(".\n\n")
    assert "those that the model was trained on; its end is left out" in opening.note
    whole = open_title(vocabulary, prompt, "", max_tokens=20, context=512)
    assert len(whole.tokens) > 300
