"""A whole training: plan, train, save; and go on where it was interrupted."""

import json
import shutil
from collections.abc import Callable, Sequence
from collections.abc import Collection as Container
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.config import Config
from retrieval.errors import ConfigError
from retrieval.index import HybridIndex
from retrieval.model_comparison.comparison import FEW
from retrieval.model_comparison.sampling import answers_to
from retrieval.training.card import model_card, verdict_table
from retrieval.training.examples import read_examples, write_examples
from retrieval.training.fit import Fitted, Progress, Renew, check_packages, fit
from retrieval.training.generated import answers_file, generate
from retrieval.training.generation import Estimate, Generated
from retrieval.training.held_out import embed
from retrieval.training.losses import Columns
from retrieval.training.made_pairs import Text
from retrieval.training.mining_again import mine_again
from retrieval.training.model_directory import CARD, check_directory, save_model
from retrieval.training.plan import Plan, Wanted, make_plan, texts_of
from retrieval.training.split import answers_by_question
from retrieval.training.trainable import trainable_model
from retrieval.training.unseen import Unseen, generated_unseen, judged_unseen, made_unseen
from retrieval.training.verdict import Verdict, judge_training
from retrieval.types import digest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_CHUNKS = 5000
"""That both models index for a verdict, unless more are kept for it."""

_EXAMPLES = "examples.jsonl"
_MADE_OF = "made_of.json"


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training made: its plan, how it went, and the settings of the model that was saved.

    verdict   None where training changed nothing, or no question was left that the model has not seen
    advice    whether to take the model, and why: a sentence
    """

    plan: Plan
    fitted: Fitted
    config: Config
    verdict: Verdict | None
    advice: str


def train(
    index: HybridIndex,
    output: Path | str,
    *,
    wanted: Wanted | None = None,
    beside: HybridIndex | None = None,
    resume: bool = False,
    on_estimate: Callable[[Estimate], None] = lambda estimate: None,
    on_answer: Callable[[int, int], None] = lambda answered, requests: None,
    on_plan: Callable[[Plan], None] = lambda plan: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Trained:
    """Train the index's model on its own documents, and save it as the directory `output`; the index stays as it is.

    `HybridIndex.open(another, config=output / "config.yaml")` makes an index with it. What interrupts the verdict
    leaves the model, and a card that advises nothing.

    wanted        what to train on, and how
    beside        another index, on whose documents the verdict shows what was forgotten
    resume        go on with an interrupted training of the same index and wishes. What it needs is kept in
                  `output` + ".training", which is removed in the end. What a language model wrote stays, in
                  `output` + ".generated.jsonl", for other trainings
    on_estimate   is told what would be sent to the server of `wanted.generation`, before it is; what it raises ends it
    on_answer     is told how many answers have come from there, of how many requests
    on_plan       is told the plan before training begins; what it raises ends it

    Raises ConfigError where `output` is there already, where there is nothing to train on or to resume, or a package is
    missing; ChatUnavailableError where the language model's server does not answer; ModelError; and as a search.
    """
    output, wanted = Path(output), wanted or Wanted()
    check_packages(lora=wanted.recipe.lora_rank > 0)
    check_directory(output)
    kept = output.with_name(f"{output.name}.training")
    model = trainable_model(index.config)
    generated = generate(
        index, wanted, answers_file(output), may_ask=not resume, on_estimate=on_estimate, on_answer=on_answer
    )
    made_of = _made_of(index, wanted, generated)
    before = _read(kept) if resume else {}
    if resume and before.get("of") != made_of:
        raise ConfigError(f"{kept} holds no training of this index with these settings; begin without resuming.")
    if resume:
        plan = make_plan(index, model, wanted, generated=generated, examples=read_examples(kept / _EXAMPLES))
        plan = replace(plan, recipe=replace(wanted.recipe, evaluations=int(before["evaluations"])))
    else:
        plan = make_plan(index, model, wanted, generated=generated)
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        write_examples(kept / _EXAMPLES, plan.examples)
        (kept / _MADE_OF).write_text(json.dumps({"of": made_of, "evaluations": plan.recipe.evaluations}), "utf-8")
    on_plan(plan)
    prompts = index.embedder.prefixes
    fitted = fit(
        model,
        wanted.recipe.loss.columns(plan.examples, prompts),
        plan.recipe,
        figure=lambda model: plan.development.ndcg(model, prompts),
        checkpoints=kept / "checkpoints",
        resume=resume,
        renew=_mined_again(index, plan, wanted, kept / "checkpoints") if wanted.mining.again else None,
        on_progress=on_progress,
    )
    card = model_card(plan, fitted, wanted, base=index.config.model, prompts=prompts, name=output.name)
    config = save_model(model, output, config=index.config, prompts=prompts, card=card)
    shutil.rmtree(kept, ignore_errors=True)
    verdict, advice = _verdict(index, config, plan, fitted, wanted, beside)
    (output / CARD).write_text(f"{card}\n{advice}\n{verdict_table(verdict) if verdict is not None else ''}", "utf-8")
    return Trained(plan, fitted, config, verdict, advice)


def _mined_again(index: HybridIndex, plan: Plan, wanted: Wanted, checkpoints: Path) -> Renew:
    """Columns with negatives of the model in training; beside checkpoints they are kept for one that is resumed."""
    searcher, prompts = index.searcher(), index.embedder.prefixes

    def renew(model: "SentenceTransformer", epoch: int, tell: Callable[[float], None]) -> Columns:
        file = checkpoints / f"examples-{epoch}.jsonl"
        if not file.is_file():
            examples = mine_again(
                searcher,
                partial(embed, model),
                plan.examples,
                chunks=[text.chunk for text in texts_of(searcher, wanted.seed)],
                prompts=prompts,
                mining=wanted.mining,
                relevant=answers_by_question(wanted.judgements),
                on_progress=tell,
            )
            checkpoints.mkdir(exist_ok=True)
            unfinished = file.with_suffix(".partial")
            write_examples(unfinished, examples)
            unfinished.replace(file)
        return wanted.recipe.loss.columns(read_examples(file), prompts)

    return renew


def _verdict(
    index: HybridIndex, config: Config, plan: Plan, fitted: Fitted, wanted: Wanted, beside: HybridIndex | None
) -> tuple[Verdict | None, str]:
    """The verdict, and the advice that follows."""
    if not fitted.best_step:
        return None, "No step made the model better on held-out questions: keep the model that is there."
    own = _unseen(index, plan, wanted)
    if not own.queries:
        return None, "No question is left that was not seen: judge some, or hold out more, before you take the model."
    elsewhere = None
    if beside is not None:
        texts = texts_of(beside.searcher(), wanted.seed)[:_CHUNKS]
        elsewhere = made_unseen(texts, {text.chunk.source for text in texts}, seed=wanted.seed)
    verdict = judge_training(index.config, config, own, elsewhere if elsewhere and elsewhere.queries else None)
    return verdict, verdict.reason


def _unseen(index: HybridIndex, plan: Plan, wanted: Wanted) -> Unseen:
    """The questions that were kept for a verdict, among what answers them and other documents."""
    texts = texts_of(index.searcher(), wanted.seed)
    if wanted.judgements is None:
        chosen = _corpus(texts, plan.split.unseen)
        if len(plan.generated.unseen) >= FEW:
            return generated_unseen(chosen, plan.generated.unseen)
        return made_unseen(chosen, plan.split.unseen, seed=wanted.seed)
    queries = plan.split.unseen_queries
    sources = {source for query in queries for source in answers_to(wanted.judgements.qrels, query)}
    return judged_unseen(_corpus(texts, sources), wanted.judgements, queries)


def _corpus(texts: Sequence[Text], sources: Container[str]) -> list[Text]:
    """The texts of these documents, and of others as far as they are not too many together."""
    first = sorted(texts, key=lambda text: text.chunk.source not in sources)
    return first[: max(_CHUNKS, sum(text.chunk.source in sources for text in texts))]


def _made_of(index: HybridIndex, wanted: Wanted, generated: Generated) -> str:
    """Tells a training from others: the generation of the index, the model, all wishes, and what a language model
    wrote."""
    prompts = index.embedder.prefixes
    return digest(index.searcher().generation, index.embedder.version, repr(prompts), repr(wanted), generated.digest)


def _read(kept: Path) -> dict[str, str | int]:
    try:
        return dict(json.loads((kept / _MADE_OF).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
