"""Pages follow the set: a set of questions without a graph is shown on every page, with its own problems and none of ProsQA's."""

import json
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, GPT2Config, PreTrainedTokenizerFast

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.models.checkpoints import STANDARD
from pages import _shared

ROOT = Path(__file__).parents[2]
RECORDS = {
    "strategyqa": [
        {"question": f"Is {n} larger than 4?", "answer": n > 4, "facts": [], "decomposition": []} for n in (3, 5, 8)
    ],
    "gsm8k": [{"question": f"How much is {n} + 4?", "answer": f"It is {n + 4}.\n#### {n + 4}"} for n in (3, 5, 8)],
    "aqua": [
        {
            "question": f"How much is {n} + 4?",
            "options": [f"{c}){n + i}" for i, c in enumerate("ABCDE", 2)],
            "correct": "C",
            "rationale": "Count on.",
        }
        for n in (3, 5, 8)
    ],
}


def write_set(folder: Path, benchmark: str) -> Path:
    """A tiny random set whose tokens are bytes, with three problems beside it."""
    vocabulary = {"<end>": 0, "<pad>": 1} | {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()), 2)}
    tokens = Tokenizer(models.BPE(vocabulary, []))
    tokens.pre_tokenizer, tokens.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token="<end>", pad_token="<pad>")
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, n_positions=512, initializer_range=0.15,
        bos_token_id=None, eos_token_id=0, pad_token_id=1,
    )  # fmt: skip
    for seed, member in enumerate(STANDARD):
        torch.manual_seed(seed)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder / member)
        tokenizer.save_pretrained(folder / member)
    info = {"name": f"tiny-{benchmark}", "benchmark": benchmark, "thoughts": 2, "answer_prefix": "####"}
    (folder / "model_set.json").write_text(json.dumps(info | {"template": next(iter(BENCHMARKS[benchmark].templates))}))
    (folder / "problems.jsonl").write_text("\n".join(map(json.dumps, RECORDS[benchmark])))
    return folder


@pytest.fixture(params=RECORDS)
def at(request, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(_shared, "DEFAULT_SET", str(write_set(tmp_path / request.param, request.param)))
    yield AppTest.from_file(str(ROOT / "app.py"), default_timeout=240).run()


def words(at) -> str:
    return " ".join(m.value for m in [*at.markdown, *at.caption, *at.info, *at.error]).replace("\\", "")


def test_every_page_shows_a_set_of_its_own_benchmark(at):
    assert not at.exception and not at.error
    kind = _shared.benchmark(_shared.DEFAULT_SET)
    known = kind.load(Path(_shared.DEFAULT_SET) / "problems.jsonl")
    shown = at.selectbox(key="problem").options
    assert len(shown) == len(known) + 1 and "random problem" not in shown  # its own three, and own text
    assert known[0].question in words(at)
    figure = json.loads(at.get("plotly_chart")[0].proto.spec)
    assert {"question", "refined tokens", "entropy"} <= {trace.get("name") for trace in figure["data"]}
    at.button(key="another").click().run()
    assert not at.exception and known[1].question in words(at)
    for page in ("live", "compare", "regimes", "benchmark", "studio"):
        at.switch_page(f"pages/{page}.py").run()
        assert not at.exception and not at.error, page
        assert page == "benchmark" or any(p.question in words(at) for p in known)
    at.switch_page("pages/live.py").run()
    assert ("is a number" in words(at)) == (not known[0].candidates)
