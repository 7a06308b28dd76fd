"""A model set of two dimensions whose every number can be worked out by hand."""

from types import SimpleNamespace

import torch
from transformers import LlamaConfig

from lrr_core.refinement.refine import Prompts


class ByHand(torch.nn.Module):
    """f(x) = M x + c·(sum of what was fed before): linear, two-dimensional, and it remembers its context."""

    def __init__(self, matrix, memory):
        super().__init__()
        self.matrix, self.memory = torch.tensor(matrix), memory
        self.config = LlamaConfig(num_hidden_layers=1, hidden_size=2, num_attention_heads=1, max_position_embeddings=99)
        self.embedding = torch.nn.Embedding.from_pretrained(torch.tensor([[1.0, 2.0], [0.0, 1.0], [1.0, 0.0]]))
        self.base_model = self.forward

    def get_input_embeddings(self):
        return self.embedding

    def get_output_embeddings(self):
        return lambda states: states @ self.embedding.weight.T

    def forward(self, inputs_embeds, past_key_values, **_):
        x = inputs_embeds
        fed, _ = past_key_values.update(x[:, None], x[:, None], 0)
        before = fed[:, 0].cumsum(1)[:, -x.shape[1] :] - x
        return SimpleNamespace(last_hidden_state=x @ self.matrix.T + self.memory * before)


class TwoDimensions:
    """What `Refiner` asks of a model set. backbone: swap the two numbers and add the past; strong: x + past; weak: -x."""

    width, answer_ids, end_id = 2, (1,), None
    info = SimpleNamespace(max_answer_tokens=1)

    def model(self, name):
        if name == "backbone":
            return ByHand([[0.0, 1.0], [1.0, 0.0]], 1.0)
        return ByHand([[1.0, 0.0], [0.0, 1.0]], 1.0) if name == "strong" else ByHand([[-1.0, 0.0], [0.0, -1.0]], 0.0)


# one problem of one token, embedded as e = (1, 2)
ONE_TOKEN = Prompts((SimpleNamespace(id="by hand"),), torch.tensor([[0]]), torch.tensor([[1]]), [[[1], [2]]], [[]])
