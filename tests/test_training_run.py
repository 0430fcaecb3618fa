"""A whole training of an index's model: what is planned, what is kept back, and what comes of it."""

import io
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
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
from retrieval.training import Estimate, Generation, Mining, Pair, Plan, Progress, Recipe, Wanted, train
from retrieval.training.generated import generate
from retrieval.training.plan import make_plan
from retrieval.training.trainable import trainable_model
from retrieval.training.unseen import generated_unseen
from retrieval.types import Document
from tests.embedding_server import EmbeddingServer, Fault
from tests.tiny_models import tiny_model

pytest.importorskip("accelerate")
pytest.importorskip("datasets")

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


def test_an_interrupted_training_is_resumed_and_makes_a_model(
    index: HybridIndex, server: EmbeddingServer, tmp_path: Path
) -> None:
    wanted = replace(WANTED, generation=generation(server))
    plans: list[Plan] = []
    told: list[Progress] = []

    def interrupt(progress: Progress) -> None:
        told.append(progress)
        if progress.figure is not None:
            raise KeyboardInterrupt

    output = tmp_path / "mine"
    with pytest.raises(ConfigError, match="holds no training"):
        train(index, output, wanted=wanted, resume=True)
    with pytest.raises(RuntimeError, match="no"):
        train(index, output, wanted=wanted, on_estimate=_refuse)
    assert not server.requests and not list(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        train(index, output, wanted=wanted, on_plan=plans.append, on_progress=interrupt)
    assert (tmp_path / "mine.training" / "examples.jsonl").is_file() and not output.exists()
    with pytest.raises(ConfigError, match="holds no training"):
        train(index, output, wanted=Wanted(held_out=0.5), resume=True)
    asked = len(server.requests)
    trained = train(index, output, wanted=wanted, resume=True, on_plan=plans.append, on_progress=told.append)
    assert any(progress.renewed is not None for progress in told), "negatives are mined again"
    assert plans[0].examples == plans[1].examples and plans[0].split == plans[1].split
    assert asked == len(server.requests) and plans[0].generated == plans[1].generated
    kept = tmp_path / "mine.generated.jsonl"
    assert {*tmp_path.iterdir()} == {output, kept} and len(kept.read_text("utf-8").splitlines()) == asked
    assert Config.load(output / "config.yaml") == trained.config
    (vector,) = Embedder.load(trained.config).embed_passages(["rain"])
    assert np.isclose(np.linalg.norm(vector), 1, atol=1e-4)
    assert trained.advice in (output / "README.md").read_text("utf-8")
    assert trained.verdict is None or not trained.verdict.take, "two questions prove nothing"
    card = (output / "README.md").read_text("utf-8")
    assert "Nobody knows" not in card and "'passage: '" in card and f"{trained.plan.steps:,}" in card
    assert "`writer`" in card and "copied from their passage" in card and "127.0.0.1" not in card
    with pytest.raises(ConfigError, match="there already"):
        train(index, output, wanted=wanted)


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
    assert set(plan.pairs) <= {"title", "sentence", "keywords", "crop"} and sum(plan.pairs.values()) > 10
    hasty = make_plan(index, model, Wanted(held_out=0.4, minutes=1e-6, recipe=WANTED.recipe, mining=WANTED.mining))
    assert len(hasty.examples) == WANTED.recipe.batch_size


def test_judged_questions_are_held_out_with_what_answers_them(index: HybridIndex) -> None:
    extra = Pair("file", "Where is gold?", "In the ground.")
    wanted = Wanted(judgements=JUDGED, pairs=(extra,), kinds=("crop",), held_out=0.4, recipe=WANTED.recipe)
    plan = make_plan(index, trainable_model(index.config), wanted)
    held = plan.split.development_queries | plan.split.unseen_queries
    judged = [example for example in plan.examples if example.pair.kind == "judged"]
    assert judged and held and plan.pairs["file"] == 1
    assert {example.pair.question for example in judged} == {
        JUDGED.queries[query] for query in JUDGED.queries.keys() - held
    }
    away = {source for query in held for source, relevance in JUDGED.qrels[query].items() if relevance}
    assert not away & {example.pair.source for example in plan.examples}
    assert set(plan.development.queries.values()) == {JUDGED.queries[query] for query in plan.split.development_queries}
    for example in judged:
        assert not any("All about " + example.pair.source[:-3] in negative.passage for negative in example.negatives)


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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_command_plans_trains_and_advises(
    index: HybridIndex,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    server: EmbeddingServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output, pairs = tmp_path / "mine", tmp_path / "pairs.tsv"
    pairs.write_text("Where is gold?\tIn the ground.\n", "utf-8")
    queries, qrels = tmp_path / "queries.tsv", tmp_path / "qrels.tsv"
    queries.write_text("".join(f"{query}\t{text}\n" for query, text in JUDGED.queries.items()), "utf-8")
    qrels.write_text("".join(f"{query}\t{list(found)[-1]}\t1\n" for query, found in JUDGED.qrels.items()), "utf-8")
    options = ["--output", output, "--held-out", 0.4, "--batch-size", 4, "--margin", 0, "--learning-rate", 0.001]
    exported = [*options, "--pairs", pairs, "--kinds", "", "--export", tmp_path / "made.jsonl"]
    code, printed, told = run(capsys, index.path, *exported)
    assert (code, printed) == (0, "") and "Pairs: 1 file. Hard negatives: " in told and "1 step" in told
    assert "Where is gold?" in (tmp_path / "made.jsonl").read_text("utf-8") and not output.exists()
    asked = ["--generate", 20, "--chat-model", "writer", "--chat-url", server.url, "--chat-prices", "1,2"]
    server.fault = written
    code, printed, told = run(capsys, index.path, *exported, *asked)
    assert code == 2 and "to send" not in told and "Agree with --yes" in told and not server.requests
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    code, printed, told = run(capsys, index.path, *exported, *asked)
    assert (
        code == 1
        and "[y/N]" in told
        and "by your prices that is 0.0" in told
        and server.url.split("/")[2] in told
        and not server.requests
    )
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    code, printed, told = run(capsys, index.path, *exported, *asked)
    assert code == 0 and "file, " in told and " generated" in told and "they cost about" in told and server.requests
    judged = ["--queries", queries, "--qrels", qrels, "--kinds", "title", "--sources", "bm25=2", "--json"]
    code, printed, told = run(capsys, index.path, *options, *judged)
    assert code == 0 and "judged" in told and " dense" not in told
    found = json.loads(printed)
    assert found["model"] == str(output) and "keep the model that is there" in found["advice"] and not found["take"]
    assert Config.load(output / "config.yaml").model == str(output)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--loss", "least"], "no loss 'least'; it is one of infonce"),
        (["--kinds", "title,rhymes"], "no pairs of kind 'rhymes'"),
        (["--sources", "bm25=much"], "write source=weight"),
        (["--sources", "web=1"], "no negatives from 'web'"),
        (["--queries", "q.tsv"], "--queries and --qrels go together"),
        (["--resume"], "holds no training"),
        (["--mine-again"], "take two epochs at least"),
        (["--chat-model", "m"], "need --generate"),
        (["--yes"], "need --generate"),
        (["--generate", "5", "--chat-model", "m"], "needs --chat-model and --chat-url"),
        (["--generate", "5", "--chat-model", "m", "--chat-url", "x", "--chat-prices", "1"], "write two numbers"),
        (["--generate", "5", "--chat-model", "m", "--chat-url", "x"], "write an address such as"),
    ],
)
def test_the_command_says_what_is_wrong(
    index: HybridIndex, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    code, printed, told = run(capsys, index.path, "--output", tmp_path / "mine", *options)
    assert (code, printed) == (2, "") and says in told
