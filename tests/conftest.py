"""Tiny random model sets of two families, so that every law is held where it could break: GPT-2 has learned absolute
positions and biases, Llama has rotary positions and an RMS norm. Nothing is downloaded."""

import json
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.models.checkpoints import STANDARD
from lrr_core.models.opened import ModelSet
from lrr_core.refinement.calibration import calibrate
from lrr_core.refinement.subspace import file_name
from lrr_core.refinement.trace import REFERENCES, RefineConfig
from lrr_core.training.reasoner import VOCABULARY, make_tokenizer

torch.set_num_threads(1)  # one thread adds up in one order, and the suite may share the machine with a training

WIDTH = 32
FAMILIES = ("gpt2", "llama")


def _config(family, tied):
    # the spread of the weights is large enough for a thought to matter and small enough for rounding to stay rounding
    if family == "gpt2":
        return GPT2Config(
            vocab_size=len(VOCABULARY), n_embd=WIDTH, n_layer=2, n_head=4, n_positions=160,
            tie_word_embeddings=tied, initializer_range=0.15, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
            bos_token_id=None, eos_token_id=VOCABULARY.index("<end>"), pad_token_id=0,
        )  # fmt: skip
    return LlamaConfig(
        vocab_size=len(VOCABULARY), hidden_size=WIDTH, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=160,
        tie_word_embeddings=tied, initializer_range=0.15,
        bos_token_id=None, eos_token_id=VOCABULARY.index("<end>"), pad_token_id=0,
    )  # fmt: skip


def _build(folder, family, tied=True):
    """A model set in the plain Hugging Face layout; every member has a seed of its own. Calibrated for TILR."""
    for seed, member in enumerate(STANDARD):
        torch.manual_seed(100 * FAMILIES.index(family) + seed)
        AutoModelForCausalLM.from_config(_config(family, tied)).save_pretrained(folder / member)
        make_tokenizer().save_pretrained(folder / member)
    (folder / "model_set.json").write_text(json.dumps({"name": f"tiny-{family}", "thoughts": 3}))
    models, problems = ModelSet(folder, device="cpu"), BENCHMARKS["prosqa"].generate("balanced", 12, 6, (8, 11), (2, 2))
    for reference in REFERENCES:
        found = calibrate(models, problems, RefineConfig(thoughts=3, reference=reference))
        found.save(folder / "tilr" / file_name(STANDARD, reference))
    return folder


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Model set folders by name: gpt2, llama (both tied) and untied (a Llama). Copy one before changing it."""
    root = tmp_path_factory.mktemp("sets")
    sets = {family: _build(root / family, family) for family in FAMILIES}
    return sets | {"untied": _build(root / "untied", "llama", tied=False)}


@pytest.fixture(scope="session")
def opened(folders):
    """The same sets, opened on the CPU."""
    return {name: ModelSet(folder, device="cpu") for name, folder in folders.items()}


@pytest.fixture(scope="session", params=FAMILIES)
def models(request, opened):
    """Each law runs on both families."""
    return opened[request.param]


@pytest.fixture(scope="session")
def problems():
    """Three problems whose prompts have three different lengths, so that a batch of them is padded."""
    made = BENCHMARKS["prosqa"].generate("balanced", 12, 5, (8, 11), (2, 2))
    by_length = {len(p.graph.edges): p for p in made}
    assert len(by_length) >= 3
    return [by_length[n] for n in sorted(by_length)[:3]]
