"""Questions that a language model writes for passages of the index, to train on and to evaluate the model.

A question is trained on only if hybrid search with the base model finds its passage among the best hits: most questions
that do not are bad ones (round-trip consistency: Dai et al. 2022, "Promptagator: Few-shot dense retrieval from 8
examples", section 3.2). Questions to held-out documents are not filtered so: that would flatter the base model.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from retrieval.context import embedded_text
from retrieval.encoders.estimating_tokenizer import estimating_tokenizer
from retrieval.index import HybridIndex
from retrieval.model_comparison.passages import is_substantial, letters
from retrieval.searcher import Searcher
from retrieval.training.asking import KeptAnswers, ask_all, tokens_of
from retrieval.training.chat_model import ChatModel
from retrieval.training.collected_pairs import split_of, texts_of
from retrieval.training.generation import Estimate, Generated, Generation, counted_reasons
from retrieval.training.made_pairs import Text, in_turns
from retrieval.training.pairs import Pair
from retrieval.training.split import Split
from retrieval.training.wanted import Wanted
from retrieval.training.written_questions import questions_in

_HELD_OUT = 400
"""The most questions to held-out documents; they are a third of all questions at most."""

_AT_ONCE = 256  # questions that are searched together

_MESSAGE_TOKENS = 10
"""Tokens that servers put around a message."""


class _Drawn(NamedTuple):
    """The passages to write questions for: pairs that have no question yet."""

    train: list[Pair]
    development: list[Pair]
    unseen: list[Pair]


def generate(
    index: HybridIndex,
    wanted: Wanted,
    file: Path,
    *,
    may_ask: bool = True,
    on_estimate: Callable[[Estimate], None] = lambda estimate: None,
    on_answer: Callable[[int, int], None] = lambda answered, requests: None,
) -> Generated:
    """The questions that the language model of `wanted.generation` writes; none where that is None. The same index,
    wishes and answers give the same questions.

    file         where answers are kept, as JSON lines; they are not asked for again
    may_ask      if false, nothing is sent: passages without an answer are left out
    on_estimate  is told what would be sent; if it raises, nothing is sent
    on_answer    is told how many requests are answered, and how many there are

    Raises ChatUnavailableError where the server does not answer, ModelError where it refuses or its answers have no
    questions, ConfigError, OSError, and as a search.
    """
    generation = wanted.generation
    if generation is None:
        return Generated()
    searcher = index.searcher()
    texts = texts_of(searcher, wanted.seed)
    header = searcher.reader.context_header
    drawn = _draw(texts, split_of(texts, wanted), generation, seed=wanted.seed, context_header=header)
    prompts = [generation.prompt_for(pair.passage) for pairs in drawn for pair in pairs]
    answers = KeptAnswers(file)
    if may_ask:
        missing = [prompt for prompt in prompts if answers.lacks(generation, prompt)]
        on_estimate(estimate(generation, missing, kept=len(prompts) - len(missing)))
        if missing:
            file.parent.mkdir(parents=True, exist_ok=True)
            model = ChatModel(
                generation.url, model=generation.model, key=generation.key, max_tokens=generation.max_tokens
            )
            ask_all(model, generation, missing, answers, on_answer=lambda done: on_answer(done, len(missing)))
    return _collect(searcher, drawn, generation, answers)


def answers_file(output: Path) -> Path:
    """The file of the answers for a trained model at `output`. It stays after training, since answers may have cost
    money."""
    return output.with_name(f"{output.name}.generated.jsonl")


def estimate(generation: Generation, prompts: Sequence[str], *, kept: int) -> Estimate:
    """What sending these prompts costs."""
    tokenizer = estimating_tokenizer()
    tokens_in = sum(len(encoding.ids) + _MESSAGE_TOKENS for encoding in tokenizer.encode_batch(list(prompts)))
    tokens_out = generation.max_tokens * len(prompts)
    return Estimate(
        host=generation.host,
        model=generation.model,
        requests=len(prompts),
        kept=kept,
        questions=generation.each * len(prompts),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=generation.cost(tokens_in, tokens_out),
    )


def _draw(texts: Sequence[Text], split: Split, generation: Generation, *, seed: int, context_header: bool) -> _Drawn:
    """Passages of all documents in turns, drawn by the seed: more questions add more passages. Where judged questions
    are held out, all passages are of documents that are trained on."""
    distinct = {letters(text.chunk.text): text.chunk for text in reversed(texts) if is_substantial(text.chunk.text)}
    passages = [
        Pair("generated", "", embedded_text(chunk, context_header=context_header), chunk.source, chunk.id)
        for chunk in distinct.values()
    ]
    turns = in_turns(passages, seed)
    requests = -(-generation.questions // generation.each)
    held = 0 if split.development_queries else min(_HELD_OUT // generation.each, requests // 3)
    development = [pair for pair in turns if pair.source in split.development][: -(-held // 2)]
    unseen = [pair for pair in turns if pair.source in split.unseen][: held // 2]
    train = [pair for pair in turns if pair.source not in split.away]
    return _Drawn(train[: requests - len(development) - len(unseen)], development, unseen)


def _collect(searcher: Searcher, drawn: _Drawn, generation: Generation, answers: KeptAnswers) -> Generated:
    """The questions of the answers. One that is asked of several documents counts for a held-out one."""
    dropped: Counter[str] = Counter()
    seen: set[str] = set()
    development, unseen, train = (
        list(_questions(pairs, generation, answers, seen=seen, dropped=dropped))
        for pairs in (drawn.development, drawn.unseen, drawn.train)
    )
    if generation.best:
        finding = list(_finding(searcher, train, generation.best))
        dropped["questions that do not find their passage"] = len(train) - len(finding)
        train = finding
    passages = [pair for pairs in drawn for pair in pairs]
    found = [answers.get(generation, generation.prompt_for(pair.passage)) for pair in passages]
    tokens = tokens_of([answer for answer in found if answer is not None])
    return Generated(
        tuple(train),
        tuple(development),
        tuple(unseen),
        passages=len(passages),
        dropped=counted_reasons(dropped),
        **tokens,
        cost=generation.cost(**tokens),
    )


def _questions(
    pairs: Iterable[Pair], generation: Generation, answers: KeptAnswers, *, seen: set[str], dropped: Counter[str]
) -> Iterator[Pair]:
    """Up to `each` questions of each passage that are new, and not copied from it."""
    for pair in pairs:
        answer = answers.get(generation, generation.prompt_for(pair.passage))
        if answer is None or answer.is_cut:
            dropped["passages without an answer" if answer is None else "answers that are cut off"] += 1
            continue
        questions = questions_in(answer.text)
        dropped["answers without a question"] += not questions
        passage = letters(pair.passage)
        count = 0
        for question in questions:
            said = letters(question)
            if said in seen or said in passage:
                dropped["questions asked before" if said in seen else "questions copied from their passage"] += 1
            elif count < generation.each:
                seen.add(said)
                count += 1
                yield replace(pair, question=question)


def _finding(searcher: Searcher, pairs: Sequence[Pair], best: int) -> Iterator[Pair]:
    """The pairs whose question finds its passage, or one with the same text, among the best."""
    for start in range(0, len(pairs), _AT_ONCE):
        batch = pairs[start : start + _AT_ONCE]
        found = searcher.search_batch(
            [pair.question for pair in batch], best, mode="hybrid", operators=False, correct_spelling=False
        )
        for pair, hits in zip(batch, found, strict=True):
            if any(pair.chunk in {hit.id, *(each.id for each in hit.duplicates)} for hit in hits):
                yield pair
