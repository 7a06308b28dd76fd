"""The small reasoner that is trained here: its vocabulary, its tokenizer, and weights that start near the look-up.

Word-level tokens over the 55 ProsQA names and five marks; a Llama layout, so that any Hugging Face code loads it.
"""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from ..benchmarks.prosqa import NAMES

PAD, EDGE, ASK, ANSWER, END = "<pad>", ";", "?", "<answer>", "<end>"
VOCABULARY = (PAD, EDGE, ASK, ANSWER, END, *NAMES)
PREVIOUS_TOKEN_BIAS = 4.0  # loudness of the first layer's positional biases


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Word-level tokenizer over the 55 ProsQA names and five marks; splits at white space."""
    core = Tokenizer(models.WordLevel({w: i for i, w in enumerate(VOCABULARY)}, unk_token=PAD))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=PAD, eos_token=END, padding_side="left", model_max_length=512
    )


def make_model(config) -> LlamaForCausalLM:
    """A small Llama that starts near the look-up it must learn; config: a `train.TrainConfig`.

    Three choices, each measured (assets/models/README.md): embeddings and final norm start at the same length, so that a
    thought is as loud as a token; the first layer's heads start as previous-token heads (biases peak at offsets 0 ... 3),
    because without biases the content-free key they need is slow to form; later layers start with equal query and key
    projections, so that like attends to like.
    """
    torch.manual_seed(config.seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(VOCABULARY),
            hidden_size=config.width,
            intermediate_size=config.mlp,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            head_dim=config.head_dim,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
            attention_bias=True,
            initializer_range=config.width**-0.5,
            attn_implementation="sdpa",
            pad_token_id=0,
            bos_token_id=None,
            eos_token_id=VOCABULARY.index(END),
        )
    )
    depth = config.head_dim
    with torch.no_grad():
        model.model.embed_tokens.weight.normal_(0, 0.25)
        model.model.norm.weight.fill_(0.25)
        first, *later = (layer.self_attn for layer in model.model.layers)
        frequency = model.model.rotary_emb.inv_freq
        loud = PREVIOUS_TOKEN_BIAS
        for head in range(config.heads):
            turn = frequency * (head % 4)  # the query is turned back, so that the score peaks this many tokens ago
            rows = slice(head * depth, (head + 1) * depth)
            first.k_proj.bias[rows] = loud * torch.cat([torch.ones_like(turn), torch.zeros_like(turn)])
            first.q_proj.bias[rows] = loud * torch.cat([turn.cos(), -turn.sin()])
        first.q_proj.weight.mul_(0.5)
        first.k_proj.weight.mul_(0.5)
        for attention in later:
            attention.k_proj.weight.copy_(attention.q_proj.weight)
    return model
