"""The model that is trained: an existing one (folder or hub id), or a new one with a tokenizer of its own; all weights or LoRA.

Whatever is trained, what is kept is a plain Hugging Face folder: adapters are added into a copy of the weights, never into
the weights that are still trained, so that going on after a checkpoint is the same to the bit as never having written one.
No code of a checkpoint is run and only safetensors are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    LlamaConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from ..models.folder import ModelError

PAD, END = "<pad>", "<end>"
LOUDNESS = (
    0.25  # entries of embeddings and final norm at the start, so that a thought is as long as a token (see `reasoner`)
)


def open_tokenizer(source: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder or hub id; ModelError names the source, the cause and the fix."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(_checked(source), trust_remote_code=False, padding_side="left")
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(source, error) from error
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"The tokenizer of {source} has no end-of-text token, so an answer could not end; give it one."
        )
    return tokenizer


def open_model(source: str | Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """The weights of a model folder or hub id; ModelError where they cannot be had or do not fill the model."""
    try:
        model, found = AutoModelForCausalLM.from_pretrained(
            _checked(source), dtype=dtype, trust_remote_code=False, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise _unreadable(source, error) from error
    if missing := sorted(found["missing_keys"]):  # transformers would fill these with random numbers
        raise ModelError(f"The weights of {source} lack {', '.join(missing[:3])}; save it again.")
    for p in model.parameters():
        # out of the mapped file, where they may lie at odd addresses, which changes the last bits of what is computed
        p.data = p.data.clone()
    return model


def _checked(source: str | Path) -> str:
    """`source`, unless it reads like a path to a folder that is not there: a misspelt path should not reach for the net."""
    path = Path(source)
    if path.is_dir() and not (path / "config.json").exists():
        raise ModelError(f"{source} holds no config.json; give a model folder as save_pretrained writes it.")
    looks_local = str(source).startswith((".", "/", "~")) or str(source).count("/") > 1
    if looks_local and not path.is_dir():
        raise ModelError(f"There is no model folder {source}; correct the path, or give a hub id such as gpt2.")
    return str(source)


def _unreadable(source, error) -> ModelError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ModelError(
        f"The model {source} cannot be loaded ({reason}). Give a folder with config.json, tokenizer.json and safetensors, "
        "or check the hub id and the connection; a gated model also needs its licence accepted and HF_TOKEN set."
    )


def new_tokenizer(texts: Iterable[str], vocabulary: int, answer_prefix: str) -> PreTrainedTokenizerFast:
    """Byte-level BPE over `texts`, every digit a token of its own, the answer prefix one token.

    The same texts in the same order give the same tokenizer, so that runs of one data file can form one model set.
    """
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 1,  # the answer prefix is added below
        special_tokens=[PAD, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    core.add_tokens([answer_prefix])
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token=PAD, eos_token=END, padding_side="left")


def new_model(scratch: dict, tokenizer, seed: int) -> PreTrainedModel:
    """A new model of `finetune_config.SCRATCH`; tied embeddings, no dropout. Thoughts start as long as tokens."""
    torch.manual_seed(seed)
    s, ends = scratch, {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 0}
    if s["family"] == "gpt2":
        config = GPT2Config(
            vocab_size=len(tokenizer), n_embd=s["width"], n_layer=s["layers"], n_head=s["heads"], n_inner=s["mlp"],
            n_positions=s["positions"], resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, **ends,
        )  # fmt: skip
    else:
        config = LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=s["width"], intermediate_size=s["mlp"],
            num_hidden_layers=s["layers"], num_attention_heads=s["heads"], num_key_value_heads=s["heads"],
            max_position_embeddings=s["positions"], tie_word_embeddings=True, initializer_range=s["width"] ** -0.5, **ends,
        )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    norm = model.transformer.ln_f if s["family"] == "gpt2" else model.model.norm
    with torch.no_grad():
        model.get_input_embeddings().weight.normal_(0, LOUDNESS)
        norm.weight.fill_(LOUDNESS)
    return model


def with_adapters(model: PreTrainedModel, lora: dict, seed: int):
    """Put LoRA adapters into `model` (changed in place) and freeze the rest; returns the peft model that can save them."""
    from peft import LoraConfig, get_peft_model
    from peft.tuners.lora import LoraLayer

    torch.manual_seed(seed)
    config = LoraConfig(
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        lora_dropout=lora["dropout"],
        target_modules=lora["targets"],
        task_type="CAUSAL_LM",
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:
        raise ModelError(f"lora: {' '.join(str(error).split())[:200]}; name modules that the model has.") from error
    if any(isinstance(m, LoraLayer) for m in (model.get_input_embeddings(), model.get_output_embeddings())):
        # where the two are tied, a merged copy could not say which of them was changed
        raise ModelError('lora: targets must not name the embeddings; "all-linear" leaves them out.')
    return adapted


@torch.no_grad()
def plain_weights(model: PreTrainedModel, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The weights as a model without adapters has them: each adapter's difference added to a copy of its matrix.

    Added in float32 and then rounded to `dtype`; tied weights stay one tensor. The model itself is left as it is.
    """
    from peft.tuners.lora import LoraLayer

    deltas = {
        f"{name}.weight": module.get_delta_weight("default").float()
        for name, module in model.named_modules()
        if isinstance(module, LoraLayer)
    }
    out, shared = {}, {}
    for name, value in model.state_dict().items():
        if ".lora_" in name:
            continue
        name = name.replace(".base_layer.", ".")
        if name not in deltas and value.data_ptr() in shared:
            out[name] = out[shared[value.data_ptr()]]
            continue
        shared[value.data_ptr()] = name
        whole = value.float() + deltas[name] if name in deltas else value
        out[name] = whole.to(dtype).cpu() if value.is_floating_point() else whole.cpu()
    return out


def save_plain(model: PreTrainedModel, tokenizer, folder: Path, dtype: torch.dtype) -> None:
    """Write a folder that any Hugging Face program opens: configuration, merged weights, tokenizer."""
    before, model.config.dtype = model.config.dtype, dtype
    try:
        model.save_pretrained(folder, state_dict=plain_weights(model, dtype))
    finally:
        model.config.dtype = before
    tokenizer.save_pretrained(folder)
