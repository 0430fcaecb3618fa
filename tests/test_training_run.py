"""A whole training of an index's model: what is planned, what is kept back, and what comes of it."""

import io
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ingest import add
from retrieval import console
from retrieval.cli import app
from retrieval.config import Config
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError
from retrieval.evaluation.judgements import Judgements
from retrieval.index import HybridIndex
from retrieval.train_documents_cli import check_holds_only, read_judged
from retrieval.training import Estimate, Generated, Generation, Mining, Pair, Plan, Progress, Recipe, Wanted, train
from retrieval.training.collected_pairs import collect_pairs, split_of, texts_of
from retrieval.training.fit import fit
from retrieval.training.generated import generate
from retrieval.training.plan import make_plan
from retrieval.training.recipe import Fitted
from retrieval.training.split import split_judged
from retrieval.training.trainable import trainable_model
from retrieval.training.unseen import generated_unseen
from retrieval.training.verdict_questions import unseen_questions
from retrieval.types import Document
from tests.embedding_server import EmbeddingServer, Fault
from tests.tiny_models import tiny_model

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("accelerate", "datasets"))), reason="the extra `train` is not installed"
)

SUBJECTS = ("rain", "bread", "chess", "trains", "bees", "glass", "rivers", "drums", "salt", "wool")
JUDGED = Judgements(
    {f"q{number}": f"What do people know about {subject}?" for number, subject in enumerate(SUBJECTS)},
    {f"q{number}": {"salt.md": 0, f"{subject}.md": 1} for number, subject in enumerate(SUBJECTS)},
)


def document(number: int, subject: str) -> Document:
    text = (
        f"Nobody knows who first wrote about {subject} in year {number * 37}. Still {number + 3} books on {subject} "
        f"were printed then, of which {number} are in the library of town {subject[::-1]} on shelf {number * number}. "
        f"They tell what {subject} cost, whom {subject} pleased, and why the town had {subject} at all."
    )
    return Document(f"{subject}.md", text, title=f"All about {subject}")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HybridIndex]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    directory = tmp_path_factory.mktemp("training")
    config = Config(model=str(tiny_model(directory / "tiny")), backend="torch", device="cpu", precision="fp32")
    with HybridIndex.open(directory / "index", config=config) as opened:
        add([document(number, subject) for number, subject in enumerate(SUBJECTS, start=1)], opened)
        yield opened
    torch.set_num_threads(threads)


WANTED = Wanted(
    held_out=0.4,
    mining=Mining(count=1, margin=0, weights={"bm25": 1, "dense": 9}, again=True),
    recipe=Recipe(epochs=2, batch_size=4, learning_rate=1e-3, evaluations=2),
)


def written(body: dict[str, Any]) -> Fault:
    """Questions to a passage: one is copied from it, one is asked of all, and one names another's subject, too."""
    prompt = body["messages"][0]["content"]
    (subject,) = re.findall(r"^All about (\w+)", prompt, re.MULTILINE)
    other = next(each for each in SUBJECTS if each != subject)
    asked = [f"Whom has {subject} pleased?", "So why was that at all?", f"Where can {subject[::-1]} be?"]
    copied = f"What {subject} cost, whom {subject} pleased?"
    content = "\n".join(
        f"{n}. {each}" for n, each in enumerate([copied, *asked, f"Who wrote of {other}, {subject}?"], 1)
    )
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    return Fault(body={"choices": [{"message": {"content": content}, "finish_reason": "stop"}], "usage": usage})


def generation(server: EmbeddingServer, **wishes: Any) -> Generation:
    server.fault = written
    given = {"model": "writer", "url": server.url, "questions": 20, "best": 1, "prices": (1.0, 10.0), **wishes}
    return Generation(**given)


def test_a_language_model_writes_questions_of_what_is_trained_on_and_others_of_what_is_held_out(
    index: HybridIndex, server: EmbeddingServer, tmp_path: Path
) -> None:
    estimates: list[Estimate] = []
    wanted = replace(WANTED, generation=generation(server), kinds=())
    found = generate(index, wanted, tmp_path / "a", on_estimate=estimates.append)
    (estimate,) = estimates
    assert (estimate.host, estimate.requests, estimate.kept) == (server.url.split("/")[2], len(server.requests), 0)
    assert estimate.tokens_out == 1000 * estimate.requests and estimate.tokens_in > 100 * estimate.requests
    assert estimate.cost == pytest.approx((estimate.tokens_in + 10 * estimate.tokens_out) / 1e6)
    plan = make_plan(index, trainable_model(index.config), wanted, generated=found)
    by_split = (found.development, found.unseen, found.train)
    sources = [{pair.source for pair in pairs} for pairs in by_split]
    assert all(sources) and sources[0] <= plan.split.development and sources[1] <= plan.split.unseen
    assert not sources[2] & plan.split.away
    questions = [pair.question for pairs in by_split for pair in pairs]
    assert len(questions) == len(set(questions)) and sum(question.startswith("So why") for question in questions) == 1
    assert all(pair.kind == "generated" and pair.question not in pair.passage for pairs in by_split for pair in pairs)
    assert found.dropped["questions copied from their passage"] == found.passages == estimate.requests
    assert found.dropped["questions asked before"] == found.passages - 1
    assert found.cost == pytest.approx(found.passages * 0.002)
    assert plan.pairs == {"generated": len(found.train)} and plan.generated is found
    assert {pair.question for pair in found.development} <= set(plan.development.queries.values())
    unseen = generated_unseen([], found.unseen)
    assert unseen.kind == "generated"
    assert list(unseen.queries.values()) == [pair.question for pair in found.unseen]
    assert [list(answers) for answers in unseen.qrels.values()] == [[pair.chunk] for pair in found.unseen]


def test_questions_are_trained_with_if_they_find_their_passage(
    index: HybridIndex, server: EmbeddingServer, tmp_path: Path
) -> None:
    wanted = replace(WANTED, generation=generation(server, each=3))
    chosen = generate(index, wanted, tmp_path / "a")
    server.requests.clear()
    everything = generate(index, replace(wanted, generation=generation(server, each=3, best=0)), tmp_path / "a")
    assert not server.requests, "the answers are there"
    assert set(chosen.train) < set(everything.train) and chosen.unseen == everything.unseen
    assert chosen.dropped["questions that do not find their passage"] == len(everything.train) - len(chosen.train)
    of_judged = generate(index, replace(wanted, judgements=JUDGED), tmp_path / "none", may_ask=False)
    assert of_judged.passages and not of_judged.development and not of_judged.unseen and not server.requests
    assert of_judged.dropped == {"passages without an answer": of_judged.passages}


@pytest.mark.slow
def test_an_interrupted_training_is_resumed_and_makes_a_model(
    index: HybridIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: EmbeddingServer
) -> None:
    wanted = replace(WANTED, generation=generation(server))
    plans: list[Plan] = []
    told: list[Progress] = []

    def interrupt(progress: Progress) -> None:
        told.append(progress)
        if progress.figure is not None:
            raise KeyboardInterrupt

    def interrupt_verdict(stage: str) -> None:
        if "before training" in stage:
            raise KeyboardInterrupt

    output, work = tmp_path / "mine", tmp_path / "mine.training"
    with pytest.raises(ConfigError, match="holds no training"):
        train(index, output, wanted=wanted, resume=True)
    with pytest.raises(RuntimeError, match="no"):
        train(index, output, wanted=wanted, on_estimate=_refuse)
    assert not server.requests and not list(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        train(index, output, wanted=wanted, on_plan=plans.append, on_progress=interrupt)
    assert (work / "examples.jsonl").is_file() and not work.stat().st_mode & 0o077 and not output.exists()
    with pytest.raises(ConfigError, match="holds no training"):
        train(index, output, wanted=Wanted(held_out=0.5), resume=True)
    (work / "somebody's").touch()
    with pytest.raises(ConfigError, match="where training keeps its files"):
        train(index, output, wanted=wanted)
    (work / "somebody's").unlink()
    with pytest.raises(ConfigError, match=r"interrupted \(.* steps? done\).* --resume, or remove"):
        train(index, output, wanted=wanted)
    monkeypatch.setattr("retrieval.training.run.fit", better(fit))
    with pytest.raises(KeyboardInterrupt):
        train(
            index,
            output,
            wanted=wanted,
            resume=True,
            on_plan=plans.append,
            on_progress=told.append,
            on_stage=interrupt_verdict,
        )
    assert any(progress.renewed is not None for progress in told), "negatives are mined again"
    assert not output.exists() and {path.name for path in work.iterdir()} >= {"model", "fitted.json"}
    with pytest.raises(ConfigError, match="all but its verdict done"):
        train(index, output, wanted=wanted)
    monkeypatch.setattr("retrieval.training.run.fit", None)
    output.mkdir()
    monkeypatch.chdir(tmp_path)
    trained = train(index, "mine", wanted=wanted, resume=True, on_plan=plans.append)
    assert plans[0].examples == plans[1].examples == plans[2].examples and plans[0].split == plans[2].split
    asked = (tmp_path / "mine.generated.jsonl").read_text("utf-8").splitlines()
    assert len(asked) == len(server.requests) == plans[2].generated.passages, "nothing is asked twice"
    assert plans[0].generated == plans[2].generated
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "mine.generated.jsonl"}
    assert Config.load(output / "config.yaml") == trained.config
    (vector,) = Embedder.load(trained.config).embed_passages(["rain"])
    assert np.isclose(np.linalg.norm(vector), 1, atol=1e-4)
    assert trained.verdict is not None and not trained.verdict.take, "two questions prove nothing"
    card = (output / "README.md").read_text("utf-8")
    assert trained.advice in card and "## Unseen questions" in card
    assert f"it has {trained.fitted.figure:.3f}:" in card
    assert "Nobody knows" not in card and "'passage: '" in card and f"{trained.plan.steps:,}" in card
    with pytest.raises(ConfigError, match="there already"):
        train(index, output, wanted=wanted)


def better(fit):
    """A training that made the model better, whatever came of it."""
    return lambda *arguments, **options: replace(fit(*arguments, **options), best_step=1)


def test_what_cannot_come_to_an_end_is_told_before_it_begins(
    index: HybridIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10**6))
    judged = Judgements(*(dict([*each.items()][:3]) for each in JUDGED))
    few = replace(WANTED, judgements=judged, kinds=("crop",))
    with pytest.raises(ConfigError, match=r"needs 0\.0 GB in .* and 0\.0 GB are free there"):
        train(index, tmp_path / "mine", wanted=replace(few, held_out=0.01), beside=index)
    assert "1 question for the verdict" in caplog.text


def _refuse(estimate: Estimate) -> None:
    raise RuntimeError("no")


def test_what_is_held_out_is_not_trained_on(index: HybridIndex) -> None:
    model = trainable_model(index.config)
    plan = make_plan(index, model, WANTED)
    sources = {example.pair.source for example in plan.examples}
    away = plan.split.development | plan.split.unseen
    assert sources and plan.split.development and plan.split.unseen and not sources & away
    assert not set(plan.development.queries.values()) & {example.pair.question for example in plan.examples}
    assert plan.steps == 2 * -(-len(plan.examples) // 4) and plan.seconds > 0
    assert plan.chooses and plan.recipe.blend == 0.5
    assert plan.pairs == {"title": 5, "sentence": 5}
    hasty = make_plan(index, model, Wanted(held_out=0.4, minutes=1e-6, recipe=WANTED.recipe, mining=WANTED.mining))
    assert len(hasty.examples) == WANTED.recipe.batch_size


@pytest.mark.slow
def test_where_nothing_is_held_out_all_is_trained_on(
    index: HybridIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = Recipe(batch_size=8, learning_rate=1e-3)
    trained = train(index, tmp_path / "mine", wanted=Wanted(judgements=JUDGED, recipe=recipe))
    asked = {example.pair.question for example in trained.plan.examples}
    assert (
        asked >= set(JUDGED.queries.values()) and not trained.plan.split.away and not trained.plan.development.queries
    )
    assert trained.fitted == Fitted(trained.plan.steps, {}, trained.plan.steps, share=0.75, figure=None)
    with HybridIndex.open(tmp_path / "lone", config=index.config) as lone:
        add([document(1, "tin")], lone)
        with pytest.raises(ConfigError, match="on held-out documents"):
            make_plan(lone, trainable_model(index.config), Wanted())
        assert make_plan(lone, trainable_model(index.config), Wanted(held_out=0)).examples
    assert trained.verdict is None and trained.advice.startswith("Nothing was held out")
    assert "too few to hold some out" in caplog.text
    card = (tmp_path / "mine" / "README.md").read_text("utf-8")
    assert "the last one, blended" in card and "development question" not in card


@pytest.mark.parametrize(
    ("count", "share", "development", "unseen"),
    [
        (1000, None, 100, 100),
        (300, None, 0, 60),
        (150, None, 0, 0),
        (150, 0.5, 0, 75),
        (300, 0.5, 75, 75),
        (9, 0, 0, 0),
    ],
)
def test_few_judged_questions_are_for_the_verdict_or_for_training(
    count: int, share: float | None, development: int, unseen: int
) -> None:
    queries = {str(number): f"What is {number}?" for number in range(count)}
    judged = Judgements(queries, {query: {f"{query}.md": 1, "zero.md": 0} for query in queries})
    split = split_judged(judged, share=share, seed=0)
    for queries, documents, about in (
        (split.development_queries, split.development, development),
        (split.unseen_queries, split.unseen, unseen),
    ):
        assert about * 0.7 <= len(queries) <= about * 1.4
        assert documents == {f"{query}.md" for query in queries}


def test_judged_questions_are_held_out_with_what_answers_them(
    index: HybridIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = Pair("file", "Where is gold?", "In the ground.")
    wanted = Wanted(judgements=JUDGED, pairs=(extra,), kinds=("crop",), held_out=0.4, recipe=WANTED.recipe)
    plan = make_plan(index, trainable_model(index.config), wanted)
    held = plan.split.development_queries | plan.split.unseen_queries
    judged = [example for example in plan.examples if example.pair.kind == "judged"]
    assert judged and held and plan.pairs["file"] == 1
    assert not plan.chooses and plan.recipe.blend == 0.75, "a few judged questions choose nothing"
    assert {example.pair.question for example in judged} == {
        JUDGED.queries[query] for query in JUDGED.queries.keys() - held
    }
    away = {source for query in held for source, relevance in JUDGED.qrels[query].items() if relevance}
    assert not away & {example.pair.source for example in plan.examples}
    assert not plan.split.development_queries, "the verdict needs them all"
    monkeypatch.setattr(
        "retrieval.training.verdict_questions.texts_of", lambda *_: []
    )  # an index of which these are not drawn
    unseen = unseen_questions(index.searcher(), plan, wanted)
    assert unseen.kind == "judged" and unseen.queries.keys() == plan.split.unseen_queries
    assert {text.chunk.source for text in unseen.texts} >= {
        source for found in unseen.qrels.values() for source, relevance in found.items() if relevance
    }
    for example in judged:
        assert not any("All about " + example.pair.source[:-3] in negative.passage for negative in example.negatives)
    negatives = [negative for example in plan.examples for negative in example.negatives]
    assert negatives and not any(f"about {source[:-3]} in year" in n.passage for n in negatives for source in away)


def test_a_pair_of_a_file_that_repeats_what_is_held_out_is_left_out(
    index: HybridIndex, caplog: pytest.LogCaptureFixture
) -> None:
    texts = texts_of(index.searcher(), 0)
    split = split_of(texts, wanted := Wanted(judgements=JUDGED, kinds=(), held_out=0.4))
    held_out = next(text.chunk for text in texts if text.chunk.source in split.away)
    query = min(split.unseen_queries)
    given = (
        Pair("file", "What is here?", held_out.text.upper()),
        Pair("file", JUDGED.queries[query].upper(), "This."),
        Pair("file", "Where is gold?", "In the ground."),
    )
    collected = collect_pairs(
        index.searcher(), replace(wanted, pairs=given), texts=texts, split=split, generated=Generated()
    )
    assert [pair for pair in collected.train if pair.kind == "file"] == [given[2]]
    assert "2 pairs of the file repeat what is held out" in caplog.text


@pytest.mark.parametrize("wrong", [{"most": 0}, {"held_out": 1}, {"minutes": 0}, {"kinds": ("judged",)}])
def test_wishes_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Wanted(**wrong)


def test_a_model_that_runs_elsewhere_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not run here"):
        trainable_model(Config(model="openai:x", encoder_url="http://localhost:1/v1"))


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        console.run(app, ["retrieve", "train", *map(str, arguments)])
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


def collection(directory: Path, *, splits: tuple[str, ...] = ("train", "test")) -> Path:
    """The documents and questions in BEIR's layout."""
    (directory / "qrels").mkdir(parents=True)
    documents = [document(number, subject) for number, subject in enumerate(SUBJECTS, start=1)]
    corpus = [{"_id": each.source, "title": each.title, "text": each.text} for each in documents]
    (directory / "corpus.jsonl").write_text("".join(json.dumps(each) + "\n" for each in corpus))
    asked = [{"_id": query, "text": text} for query, text in JUDGED.queries.items()]
    (directory / "queries.jsonl").write_text("".join(json.dumps(each) + "\n" for each in asked))
    for split in splits:
        qrels = "".join(f"{query}\t{list(found)[-1]}\t1\n" for query, found in JUDGED.qrels.items())
        (directory / "qrels" / f"{split}.tsv").write_text(qrels)
    return directory


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_command_sends_nothing_without_a_yes(
    index: HybridIndex,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    server: EmbeddingServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.fault = written
    made = ["--output", tmp_path / "mine", "--kinds", "title", "--held-out", 0.4, "--export", tmp_path / "made.jsonl"]
    asked = ["--generate", 20, "--chat-model", "writer", "--chat-url", server.url, "--chat-prices", "1,2"]
    code, _, told = run(capsys, index.path, *made, *asked)
    assert code == 2 and "Agree with --yes" in told and not server.requests
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    code, _, told = run(capsys, index.path, *made, *asked)
    assert code == 1 and "[y/N]" in told and not server.requests
    assert "by your prices that is 0.0" in told and server.url.split("/")[2] in told
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    code, _, told = run(capsys, index.path, *made, *asked)
    assert code == 0 and "Pairs: " in told and " generated" in told and "they cost about" in told and server.requests


@pytest.mark.slow
def test_the_command_plans_trains_and_advises(
    index: HybridIndex, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output, pairs, config = tmp_path / "mine", tmp_path / "pairs.tsv", tmp_path / "config.yaml"
    pairs.write_text("Where is gold?\tIn the ground.\n", "utf-8")
    options = ["--output", output, "--held-out", 0.4, "--batch-size", 4, "--margin", 0, "--learning-rate", 0.001]
    exported = [*options, "--pairs", pairs, "--kinds", "", "--export", tmp_path / "made.jsonl"]
    code, printed, told = run(capsys, index.path, *exported)
    assert (code, printed) == (0, "") and "Pairs: 1 file. Hard negatives: " in told and "1 step" in told
    assert "Where is gold?" in (tmp_path / "made.jsonl").read_text("utf-8") and not output.exists()
    monkeypatch.setattr("retrieval.training.run.fit", better(fit))
    config.write_text(f"model: {index.config.model}\nbackend: torch\ndevice: cpu\nprecision: fp32\n")
    beir = collection(tmp_path / "beir")
    judged = ["--config", config, "--kinds", "title", "--sources", "bm25=2", "--beside", collection(tmp_path / "other")]
    monkeypatch.setenv("RETRIEVAL_CHROMA_HOST", "localhost")
    monkeypatch.setenv("RETRIEVAL_CHROMA_PORT", "1")  # refuses
    code, printed, told = run(capsys, beir, *options, *judged, "--json")
    assert code == 0 and "10 judged questions of qrels/train.tsv" in told and " dense" not in told
    found = json.loads(printed)
    assert found["model"] == str(output) and "keep the base model" in found["advice"] and not found["take"]
    assert found["unseen"]["questions"]["kind"] == "judged" and 0 < found["unseen"]["questions"]["count"] < 10
    assert found["held_out_result"] is None and "the last one" in (output / "README.md").read_text("utf-8")
    assert found["elsewhere"]["questions"] == {"kind": "judged", "count": 10} and found["elsewhere"]["documents"] == 10
    monkeypatch.delenv("RETRIEVAL_CHROMA_HOST")
    settings = Config.load(output / "config.yaml")
    assert (settings.model, settings.chroma_host) == (str(output), None)


def test_what_is_read_of_a_collection(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The split that is asked for, else that for training, else the only one; nothing where nothing is judged."""
    several, one = collection(tmp_path / "several"), collection(tmp_path / "one", splits=("test",))
    unnamed = collection(tmp_path / "unnamed", splits=("dev", "test"))
    none = collection(tmp_path / "none", splits=())
    read = partial(read_judged, queries=None, qrels=None, split=None, ignore=False)
    assert read(one) == read(several) == read(unnamed, split="dev") and read(one).queries == JUDGED.queries
    assert read(none) is None and read(several, ignore=True) is None and read(tmp_path) is None
    told = capsys.readouterr().err
    assert "qrels/test.tsv" in told and "qrels/train.tsv" in told and "qrels/dev.tsv" in told
    own = {"queries": one / "queries.jsonl", "qrels": one / "qrels" / "test.tsv"}
    assert read(tmp_path, **own) == read(several, **own) == read(one)
    for path, options, says in (
        (unnamed, {}, "no qrels/train.tsv; it has the splits dev, test"),
        (none, {"split": "test"}, "no qrels/test.tsv; it has none"),
        (one, {"split": "test", "ignore": True}, "none are read"),
        (tmp_path, {"split": "test"}, "none are read"),
        (one, {"queries": own["queries"]}, "go together"),
    ):
        with pytest.raises(ConfigError, match=says):
            read(path, **options)


@pytest.mark.parametrize(
    ("documents", "options", "says"),
    [
        ("index", ["--loss", "least"], "no loss 'least'; it is one of infonce"),
        ("index", ["--kinds", "title,rhymes"], "no pairs of kind 'rhymes'"),
        ("index", ["--sources", "bm25=much"], "write source=weight"),
        ("index", ["--sources", "web=1"], "no negatives from 'web'"),
        ("index", ["--queries", "q.tsv"], "--queries and --qrels go together"),
        ("index", ["--resume"], "holds no training"),
        ("index", ["--temperature", "1", "--loss", "cosine"], "belongs to the losses infonce and kl"),
        ("index", ["--resume", "--export", "x"], "leave out --resume and --beside"),
        ("index", ["--ignore-judgements"], "is for a collection in BEIR layout"),
        ("index", ["--beside", "{index}"], "names the documents that are trained on"),
        ("index", ["--mine-again"], "take two epochs at least"),
        ("index", ["--chat-model", "m"], "need --generate"),
        ("index", ["--yes"], "need --generate"),
        ("index", ["--generate", "5", "--chat-model", "m"], "needs --chat-model and --chat-url"),
        ("index", ["--generate", "5", "--chat-model", "m", "--chat-url", "x"], "write an address such as"),
        ("index", ["--generate", "5", "--chat-prices", "1"], "write two numbers"),
        ("index", ["--output", "{index}/mine"], "among what is trained on"),
        ("index", ["--beside", "{empty}"], "{empty} holds no documents"),
        ("empty", ["--output", "{empty}/mine"], "among what is trained on"),
        ("empty", [], "{empty} holds no documents that could be read"),
        ("one", [], "0 on held-out documents: both are needed"),
        ("nowhere", [], "is no directory"),
        ("one", ["--output", "{config}/mine"], "is not a directory"),
        ("one", ["--config", "{config}"], "did you mean model?"),
        ("one", ["--config", "{server}"], "does not run here"),
    ],
)
def test_the_command_says_what_is_wrong(
    index: HybridIndex,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    documents: str,
    options: list[str],
    says: str,
) -> None:
    names = ("empty", "one", "nowhere", "config", "server")
    places = {"index": index.path, **{name: tmp_path / name for name in names}}
    places["empty"].mkdir()
    places["one"].mkdir()
    (places["one"] / "corpus.jsonl").write_text('{"_id": "a", "text": "Warm air rises, and carries vapour up."}\n')
    places["config"].write_text("modle: tiny\n")
    places["server"].write_text("model: openai:x\nencoder_url: http://localhost:1/v1\n")
    default = [] if "--output" in options else ["--output", tmp_path / "mine"]
    tiny = [] if documents == "index" or "--config" in options else ["--config", tmp_path / "tiny.yaml"]
    (tmp_path / "tiny.yaml").write_text(f"model: {index.config.model}\nbackend: torch\ndevice: cpu\n")
    given = [option.format(**places) for option in options]
    code, printed, told = run(capsys, places[documents], *default, *tiny, *given)
    assert (code, printed) == (2, "") and says.format(**places) in told
    assert not (tmp_path / "mine").exists() and not (tmp_path / "mine.training").exists()


def test_an_index_of_other_documents_is_not_trained_on(
    index: HybridIndex, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beir = collection(tmp_path / "beir")
    with pytest.raises(ConfigError, match=r"not of .*beir, such as wool\.md; remove it, or name another"):
        check_holds_only(index, beir, folder="", own={f"{subject}.md" for subject in SUBJECTS[:-1]})
