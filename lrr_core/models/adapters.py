"""Members that are LoRA adapters of one pretrained base: the base is in memory once, every member is a view of it.

All adapters lie in the base's own linear layers (PEFT), and a call of a member first makes its adapter the active one, under
a lock, so that members take turns in any order and from any thread. Law (tested): a member gives what the base with that
adapter merged into its weights gives, within rounding.
"""

from __future__ import annotations

import threading
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from .folder import ModelError


class SharedBase:
    """A frozen causal language model that takes adapters in. model: the base, changed in place by `add`."""

    def __init__(self, model: torch.nn.Module):
        self.model, self.lock = model, threading.RLock()
        self._layers: list = []
        self._active = ""

    def add(self, name: str, folder: Path) -> Adapted:
        """The member whose adapter lies in `folder` (adapter_config.json, adapter_model.safetensors); frozen, in the precision
        and on the device of the base. ModelError where it does not fit."""
        from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict
        from peft.tuners.lora import LoraLayer

        key = name.replace(".", "-")  # a name of a module has no dots
        with self.lock:
            try:
                weights = load_file(folder / "adapter_model.safetensors")
                config = LoraConfig.from_pretrained(str(folder))
                config.inference_mode = True
                with warnings.catch_warnings():  # that there is more than one adapter is meant
                    warnings.simplefilter("ignore")
                    inject_adapter_in_model(config, self.model, key)
                found = set_peft_model_state_dict(self.model, weights, key)
            except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
                reason = " ".join(str(error).split())[:200]
                raise ModelError(f"The adapter {name} does not fit its base ({reason}); save it again.") from error
            self._layers = [m for m in self.model.modules() if isinstance(m, LoraLayer)]
            missing = [k for k in found.missing_keys if f".{key}." in k]
            if found.unexpected_keys or missing:
                odd = (found.unexpected_keys or missing)[0]
                raise ModelError(f"The adapter {name} does not fit its base ({odd}); it belongs to another model.")
            like = self.model.get_input_embeddings().weight
            self.model.to(like.device, like.dtype).eval().requires_grad_(False)
            self._active = ""
        return Adapted(self, key)

    def use(self, key: str) -> None:
        """Make an adapter the active one; hold the lock from here to the end of the call."""
        if key != self._active:
            for layer in self._layers:
                layer.set_adapter(key, inference_mode=True)
            self._active = key


class Adapted:
    """One member: reads like the base model it is an adapter of (configuration, embeddings, parameters), and answers as
    itself when it is called, whole or by its `base_model`."""

    def __init__(self, shared: SharedBase, key: str):
        self._shared, self._key = shared, key

    def __call__(self, *args, **kwargs):
        return self._run(self._shared.model, *args, **kwargs)

    def base_model(self, *args, **kwargs):
        """The model without its output matrix, as `PreTrainedModel.base_model`."""
        return self._run(self._shared.model.base_model, *args, **kwargs)

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._shared.model, name)

    def _run(self, module, *args, **kwargs):
        with self._shared.lock:
            self._shared.use(self._key)
            return module(*args, **kwargs)
