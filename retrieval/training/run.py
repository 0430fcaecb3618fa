"""A whole training: plan, train, ask both models what neither has seen; and go on where it was interrupted."""

import logging
import shutil
from collections.abc import Callable, Sequence
from collections.abc import Collection as Container
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.config import Config
from retrieval.errors import ConfigError
from retrieval.index import HybridIndex
from retrieval.model_comparison.comparison import FEW
from retrieval.model_comparison.sampling import answers_to
from retrieval.searcher import Searcher
from retrieval.training.card import model_card, verdict_in_markdown
from retrieval.training.examples import Example, read_examples, write_examples
from retrieval.training.fit import check_packages, fit
from retrieval.training.generated import answers_file, generate
from retrieval.training.generation import Estimate, Generated
from retrieval.training.held_out import embed
from retrieval.training.losses import Columns
from retrieval.training.made_pairs import Text
from retrieval.training.mining_again import mine_again
from retrieval.training.model_directory import CARD, check_directory, save_model, trained_settings
from retrieval.training.plan import Plan, Wanted, make_plan, miner_of, texts_of
from retrieval.training.recipe import Fitted, Progress, Renew
from retrieval.training.trainable import check_trainable, trainable_model
from retrieval.training.unseen import Unseen, generated_unseen, judged_unseen, made_unseen
from retrieval.training.verdict import Verdict, judge_training
from retrieval.training.work_directory import WorkDirectory
from retrieval.types import digest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

log = logging.getLogger(__name__)

_CHUNKS = 5000
"""That both models index for a verdict, unless more are kept for it."""


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
    beside: HybridIndex | Unseen | None = None,
    resume: bool = False,
    on_estimate: Callable[[Estimate], None] = lambda estimate: None,
    on_answer: Callable[[int, int], None] = lambda answered, requests: None,
    on_plan: Callable[[Plan], None] = lambda plan: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Trained:
    """Train the index's model on its own documents, and save it as the directory `output`; the index stays as it is.

    `HybridIndex.open(another, config=output / "config.yaml")` makes an index with it. Until all is done, nothing is at
    `output`: what an interrupted training goes on from is in `output` + ".training".

    wanted        what to train on, and how
    beside        another index, or questions to other documents, on which the verdict shows what was forgotten
    resume        go on with an interrupted training of the same index and wishes, or with its verdict
                  What a language model wrote stays in `output` + ".generated.jsonl", for other trainings
    on_estimate   is told what would be sent to the server of `wanted.generation`, before it is; what it raises ends it
    on_answer     is told how many answers have come from there, of how many requests
    on_plan       is told the plan before training begins; what it raises ends it
    on_stage      is told what begins after training

    Raises ConfigError where `output` is there already or cannot be made, where there is nothing to train on or to
    resume, an interrupted training would be thrown away, the disk has no room, or a package is missing;
    ChatUnavailableError where the language model's server does not answer; ModelError; and as a search.
    """
    output, wanted = Path(output).resolve(), wanted or Wanted()
    check_packages(lora=wanted.recipe.lora_rank > 0)
    work = WorkDirectory(output)
    work.remove_finished()
    check_directory(output)
    if not resume:
        work.check_unused()
    check_trainable(index.config)
    elsewhere = _elsewhere(beside, wanted.seed)
    file = answers_file(output)
    generated = generate(index, wanted, file, may_ask=not resume, on_estimate=on_estimate, on_answer=on_answer)
    identity = _identity(index, wanted, generated)
    planned = work.planned(identity) if resume else None
    plan, fitted = _fitted(
        index, output, work, identity, wanted, generated, planned, on_plan=on_plan, on_progress=on_progress
    )
    verdict, advice = _verdict(index, work, plan, fitted, wanted, elsewhere, on_stage)
    with (work.model / CARD).open("a", encoding="utf-8") as card:
        card.write(f"\n{advice}\n{verdict_in_markdown(verdict) if verdict is not None else ''}")
    work.finish(output)
    return Trained(plan, fitted, trained_settings(index.config, output, index.embedder.prefixes), verdict, advice)


def _fitted(
    index: HybridIndex,
    output: Path,
    work: WorkDirectory,
    identity: str,
    wanted: Wanted,
    generated: Generated,
    planned: tuple[Sequence[Example], int] | None,
    *,
    on_plan: Callable[[Plan], None],
    on_progress: Callable[[Progress], None],
) -> tuple[Plan, Fitted]:
    """What was planned, and how it went; the trained model is in the working directory."""
    model, prompts = trainable_model(index.config), index.embedder.prefixes
    if planned is not None:
        plan = make_plan(index, model, wanted, generated=generated, examples=planned[0])
        plan = replace(plan, recipe=replace(wanted.recipe, evaluations=planned[1]))
    else:
        plan = make_plan(index, model, wanted, generated=generated)
        if not unseen_questions(index.searcher(), plan, wanted).queries:
            log.warning(
                "No question is left for a verdict, which will not say whether to take the model: take more documents, "
                "judge more questions, or hold out more."
            )
        work.begin(identity, plan.examples, evaluations=plan.recipe.evaluations)
    on_plan(plan)
    if (fitted := work.fitted()) is not None:
        return plan, fitted
    work.check_space(model)
    fitted = fit(
        model,
        wanted.recipe.loss.columns(plan.examples, prompts),
        plan.recipe,
        figure=lambda model: plan.development.ndcg(model, prompts),
        checkpoints=work.checkpoints,
        resume=planned is not None,
        renew=_mined_again(index, plan, wanted, work.checkpoints) if wanted.mining.again else None,
        on_progress=on_progress,
    )
    card = model_card(plan, fitted, wanted, base=index.config.model, prompts=prompts, name=output.name)
    shutil.rmtree(work.model, ignore_errors=True)
    save_model(model, work.model, config=index.config, prompts=prompts, card=card)
    work.finish_fit(fitted)
    return plan, fitted


def _mined_again(index: HybridIndex, plan: Plan, wanted: Wanted, checkpoints: Path) -> Renew:
    """Columns with negatives of the model in training; beside checkpoints they are kept for one that is resumed."""
    searcher, prompts = index.searcher(), index.embedder.prefixes

    def renew(model: "SentenceTransformer", epoch: int, tell: Callable[[float], None]) -> Columns:
        file = checkpoints / f"examples-{epoch}.jsonl"
        if not file.is_file():
            examples = mine_again(
                miner_of(searcher, wanted, plan.split),
                partial(embed, model),
                plan.examples,
                chunks=[text.chunk for text in texts_of(searcher, wanted.seed)],
                prompts=prompts,
                on_progress=tell,
            )
            checkpoints.mkdir(exist_ok=True)
            unfinished = file.with_suffix(".partial")
            write_examples(unfinished, examples)
            unfinished.replace(file)
        return wanted.recipe.loss.columns(read_examples(file), prompts)

    return renew


def _verdict(
    index: HybridIndex,
    work: WorkDirectory,
    plan: Plan,
    fitted: Fitted,
    wanted: Wanted,
    elsewhere: Unseen | None,
    on_stage: Callable[[str], None],
) -> tuple[Verdict | None, str]:
    """The verdict, and the advice that follows."""
    if not fitted.best_step:
        return None, "No step made the model better on held-out questions: keep the model that is there."
    own = unseen_questions(index.searcher(), plan, wanted)
    if not own.queries:
        return None, "No question is left that was not seen: judge some, or hold out more, before you take the model."
    after = trained_settings(index.config, work.model, index.embedder.prefixes)
    verdict = judge_training(index.config, after, own, elsewhere, scratch=work.path, on_stage=on_stage)
    return verdict, verdict.reason


def unseen_questions(searcher: Searcher, plan: Plan, wanted: Wanted) -> Unseen:
    """The questions that were kept for a verdict, among what answers them and other documents."""
    queries, sources = plan.split.unseen_queries, set(plan.split.unseen)
    if wanted.judgements is not None:
        sources = {source for query in queries for source in answers_to(wanted.judgements.qrels, query)}
    texts = _texts_with(searcher, sources, wanted.seed)
    if wanted.judgements is not None:
        return judged_unseen(texts, wanted.judgements, queries)
    if len(plan.generated.unseen) >= FEW:
        return generated_unseen(texts, plan.generated.unseen)
    return made_unseen(texts, sources, seed=wanted.seed)


def _texts_with(searcher: Searcher, sources: Container[str], seed: int) -> list[Text]:
    """The chunks of these documents, and of others as far as they are not too many together."""
    reader = searcher.reader
    chosen = [row for each in reader.searchable if each.source in sources for row in reader.rows_of_document(each.id)]
    others = (text for text in texts_of(searcher, seed) if text.chunk.source not in sources)
    texts = [Text(reader.chunk(row), reader.language(row)) for row in chosen]
    return [*texts, *islice(others, max(0, _CHUNKS - len(texts)))]


def _elsewhere(beside: HybridIndex | Unseen | None, seed: int) -> Unseen | None:
    """Raises ConfigError where nothing can be asked of other documents."""
    if isinstance(beside, HybridIndex):
        texts = texts_of(beside.searcher(), seed)[:_CHUNKS]
        beside = made_unseen(texts, {text.chunk.source for text in texts}, seed=seed)
    if beside is not None and not beside.queries:
        raise ConfigError("There is no question to ask of the other documents; name others, or judge some.")
    return beside


def _identity(index: HybridIndex, wanted: Wanted, generated: Generated) -> str:
    """Tells a training from others: the generation of the index, the model, all wishes, and what a language model
    wrote."""
    prompts = index.embedder.prefixes
    return digest(index.searcher().generation, index.embedder.version, repr(prompts), repr(wanted), generated.digest)
