"""A whole training: plan, train, and measure both models on unseen questions; or resume an interrupted training."""

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.config import Config
from retrieval.index import HybridIndex
from retrieval.model_comparison.comparison import FEW
from retrieval.search.options import SearchOptions
from retrieval.search.scoring import unlearned
from retrieval.training.card import model_card, verdict_in_markdown
from retrieval.training.collected_pairs import texts_of
from retrieval.training.examples import Example, read_examples, write_examples
from retrieval.training.fit import check_packages, fit
from retrieval.training.generated import answers_file, generate
from retrieval.training.generation import Estimate, Generated
from retrieval.training.held_out import embed
from retrieval.training.loss_columns import Columns
from retrieval.training.mining_again import mine_again
from retrieval.training.model_directory import CARD, check_directory, save_model, trained_settings
from retrieval.training.plan import Plan, make_plan, miner_of
from retrieval.training.recipe import Fitted, Progress, Renew
from retrieval.training.trainable import check_trainable, trainable_model
from retrieval.training.trainer import release_memory
from retrieval.training.unseen import Unseen
from retrieval.training.verdict import Verdict, judge_training
from retrieval.training.verdict_questions import questions_to_others, unseen_questions
from retrieval.training.wanted import Wanted
from retrieval.training.work_directory import WorkDirectory
from retrieval.types import digest
from retrieval.words import counted

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

log = logging.getLogger(__name__)

_NO_VERDICT = (
    "Nothing was held out, so there is no verdict: take the model if it answers new questions better, or if the same "
    "training, with half of the judged questions held out, answers these better."
)


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training made.

    fitted    how the training went
    config    the settings of the trained model
    verdict   None where no step was better than the base model, or no unseen question was left
    advice    whether to take the trained model, and why: a sentence
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
    """Train the index's model, the base model, on the index's documents, and save the trained model as the directory
    `output`. The index does not change.

    `HybridIndex.open(another, config=output / "config.yaml")` makes an index with the trained model. `output` exists
    only when all is done: an interrupted training is kept in `output` + ".training". The answers of a language model
    stay in `output` + ".generated.jsonl", for other trainings.

    wanted        what to train on, and how
    beside        another index, or questions to other documents: the verdict shows what the model forgot of them
    resume        go on with an interrupted training of the same index and wishes, or with its verdict
    on_estimate   is told what would be sent to the server of `wanted.generation`; if it raises, nothing is sent
    on_answer     is told how many requests are answered, and how many there are
    on_plan       is told the plan; if it raises, training does not begin
    on_progress   is told how far training is; if it raises, training is interrupted
    on_stage      is told which model is asked for the verdict

    Raises ConfigError where `output` exists already or cannot be made, where there is nothing to train on or to
    resume, an interrupted training would be lost, the disk has no room, or a package is missing;
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
    elsewhere = questions_to_others(beside, wanted.seed)
    file = answers_file(output)
    generated = generate(index, wanted, file, may_ask=not resume, on_estimate=on_estimate, on_answer=on_answer)
    identity = _identity(index, wanted, generated)
    planned = work.planned(identity) if resume else None
    plan, fitted = _fitted(index, work, identity, wanted, generated, planned, on_plan=on_plan, on_progress=on_progress)
    verdict, advice = _verdict(index, work, plan, fitted, wanted, elsewhere, on_stage)
    prompts = index.embedder.prefixes
    card = model_card(plan, fitted, wanted, base=index.config.model, prompts=prompts, name=output.name)
    measured = verdict_in_markdown(verdict) if verdict is not None else ""
    (work.model / CARD).write_text(f"{card}\n{advice}\n{measured}", "utf-8")
    work.finish(output)
    return Trained(plan, fitted, trained_settings(index.config, output, prompts), verdict, advice)


def _fitted(
    index: HybridIndex,
    work: WorkDirectory,
    identity: str,
    wanted: Wanted,
    generated: Generated,
    planned: tuple[Sequence[Example], int] | None,
    *,
    on_plan: Callable[[Plan], None],
    on_progress: Callable[[Progress], None],
) -> tuple[Plan, Fitted]:
    """The plan, and how training went; the trained model is in the working directory."""
    model, prompts = trainable_model(index.config), index.embedder.prefixes
    if planned is not None:
        plan = make_plan(index, model, wanted, generated=generated, examples=planned[0])
        plan = replace(plan, recipe=replace(plan.recipe, evaluations=planned[1]))
    else:
        plan = make_plan(index, model, wanted, generated=generated)
        _warn_of_few(index, plan, wanted)
        work.begin(identity, plan.examples, evaluations=plan.recipe.evaluations)
    on_plan(plan)
    if (fitted := work.fitted()) is not None:
        return plan, fitted
    work.check_space(model)
    release_memory()  # of indexing and mining
    fitted = fit(
        model,
        wanted.recipe.columns(plan.examples, prompts),
        plan.recipe,
        figure=(lambda model: plan.development.ndcg(model, prompts)) if plan.development.queries else None,
        chooses=plan.chooses,
        checkpoints=work.checkpoints,
        resume=planned is not None,
        renew=_mined_again(index, plan, wanted, work.checkpoints) if wanted.mining.again else None,
        on_progress=on_progress,
    )
    shutil.rmtree(work.model, ignore_errors=True)
    save_model(model, work.model, config=index.config, prompts=prompts)
    work.finish_fit(fitted)
    return plan, fitted


def _warn_of_few(index: HybridIndex, plan: Plan, wanted: Wanted) -> None:
    """Before the time for training is spent."""
    if not plan.split.away:
        if wanted.held_out is None:
            log.warning(
                "The judged questions are too few to hold some out: all are trained on, and there is no verdict. Hold "
                "out half of them to have one."
            )
        return
    questions = len(unseen_questions(index.searcher(), plan, wanted).queries)
    way_out = "Take more documents, judge more questions, or hold out more."
    if not questions:
        log.warning("No question is left for a verdict: it will not say whether to take the trained model. %s", way_out)
    elif questions < FEW:
        asked = counted(questions, "question")
        log.warning("%s for the verdict: only a large gain will be significant. %s", asked, way_out)


def _mined_again(index: HybridIndex, plan: Plan, wanted: Wanted, checkpoints: Path) -> Renew:
    """Columns with negatives that the model in training finds. They are kept with the checkpoints, for a training that
    is resumed."""
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
        return wanted.recipe.columns(read_examples(file), prompts)

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
    """The verdict, and the advice that follows from it."""
    if not plan.split.away:
        return None, _NO_VERDICT
    if not fitted.best_step:
        return None, "No step was better than the base model on the development questions: keep the base model."
    own = unseen_questions(index.searcher(), plan, wanted)
    if not own.queries:
        return (
            None,
            "There is no unseen question for a verdict: judge some, or hold out more, before you take the model.",
        )
    after = trained_settings(index.config, work.model, index.embedder.prefixes)
    verdict = judge_training(index.config, after, own, elsewhere, scratch=work.path, on_stage=on_stage)
    return verdict, verdict.reason


def _identity(index: HybridIndex, wanted: Wanted, generated: Generated) -> str:
    """Tells a training from others: by the generation of the index, the model, how the index is searched, all wishes,
    and what a language model wrote."""
    prompts, config = index.embedder.prefixes, index.config
    searched = unlearned(SearchOptions.of(config, 10, {"mode": "hybrid"})), config.bm25
    made_of = (index.embedder.version, repr(prompts), repr(searched), repr(wanted), generated.digest)
    return digest(index.searcher().generation, *made_of)
