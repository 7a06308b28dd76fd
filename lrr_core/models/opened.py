"""An opened model set: the checkpoints of a folder (`model_set`) on a device, with their tokenizer.

Only safetensors are read and no code from a checkpoint is ever run.
"""

from __future__ import annotations

import threading
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from ..benchmarks.catalogue import BENCHMARKS
from .adapters import Adapted, SharedBase
from .folder import ModelError, ModelFolder, SetInfo

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
DEVICES = ("auto", "cpu", "cuda", "mps")


def pick_device(name: str = "auto") -> torch.device:
    """`auto` prefers CUDA, then Apple's MPS, then the CPU. Raises ModelError for a device that is not there."""
    if name not in DEVICES:
        raise ModelError(f"No device called {name!r}; choose one of {', '.join(DEVICES)}.")
    have = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(d for d in ("cuda", "mps", "cpu") if have[d]))
    if not have[name]:
        raise ModelError(f"This machine has no {name} device; use --device auto or cpu.")
    return torch.device(name)


def without_bars() -> None:
    """Turns off the bars transformers draws while it loads, for this process. For an app: who uses the library decides alone."""
    logging.disable_progress_bar()


class ModelSet(ModelFolder):
    """A model folder with its weights. Members load on first use and stay; weights are never altered, so threads may share them.

    lock: hold it while a run uses the set, so that concurrent users queue instead of slowing each other down.
    """

    def __init__(self, path: str | Path, device: str = "auto", dtype: str = "float32", alone: SetInfo | None = None):
        if dtype not in DTYPES:
            raise ModelError(f"No dtype called {dtype!r}; choose one of {', '.join(DTYPES)}.")
        self.device, self.dtype, self.dtype_name = pick_device(device), DTYPES[dtype], dtype
        super().__init__(path, alone)
        self.lock = threading.RLock()
        self._loaded: dict[str, torch.nn.Module | Adapted] = {}
        self._base: SharedBase | None = None
        self.tokenizer = AutoTokenizer.from_pretrained(
            self.base_folder() if self.info.base else self.folder("backbone"),
            trust_remote_code=False,
            local_files_only=True,
            padding_side="left",
        )
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token  # masked everywhere, so any token will do

    def model(self, name: str) -> torch.nn.Module | Adapted:
        """The checkpoint called `name` ("backbone", "ladder/03-1200", ...), loaded once, in evaluation mode. Aliases share one;
        adapters share the base, which is in memory once."""
        if name not in self.members:
            raise ModelError(f"This set has no checkpoint {name!r}; it has {', '.join(self.members)}.")
        with self.lock:
            place = self.info.aliases.get(name, name)
            if place not in self._loaded:
                expected = self.info.weights.get(name)
                if expected and expected != self.hash(name):
                    raise ModelError(
                        f"The weights of {name} are not those recorded in model_set.json; restore them or update the record."
                    )
                if self.info.base:
                    if self._base is None:
                        folder = self.base_folder()
                        self._base = SharedBase(self._plain(folder, self.info.base["name"]))
                    self._loaded[place] = self._base.add(place, self.folder(name))
                else:
                    self._loaded[place] = self._plain(self.folder(name), name)
            return self._loaded[place]

    def _plain(self, folder: Path, name: str) -> torch.nn.Module:
        """A model folder in memory, frozen."""
        try:
            model, found = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=self.dtype,
                trust_remote_code=False,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise ModelError(f"Cannot load {name} from {folder}: {error}; save it again.") from error
        if missing := sorted(found["missing_keys"]):  # transformers would fill these with random numbers
            raise ModelError(
                f"The weights of {name} lack {', '.join(missing[:3])} that its config.json asks for; save it again."
            )
        return model.to(self.device).eval().requires_grad_(False)

    @property
    def tied(self) -> bool:
        """Whether thoughts are read by the very matrix that embeds tokens, which makes the logit lens exact."""
        model = self.model("backbone")
        return model.get_output_embeddings().weight is model.get_input_embeddings().weight

    @property
    def lens(self) -> str:
        """What the logit lens uses, in words."""
        return "the tied token embedding (exact)" if self.tied else "the untied output embedding"

    def encode(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False).strip()

    @property
    def answer_ids(self) -> list[int]:
        return self.encode(self.info.answer_prefix)

    @property
    def end_id(self) -> int | None:
        """The token that ends an answer where the benchmark's candidates are scored with their end, else None."""
        if not BENCHMARKS[self.info.benchmark].ends:
            return None
        if self.tokenizer.eos_token_id is None:
            raise ModelError(
                f"{self.info.name} has no end token, which choices are judged with; add one to its tokenizer."
            )
        return self.tokenizer.eos_token_id

    def candidate_ids(self, candidates: tuple[str, ...]) -> list[list[int]]:
        """Token ids of each candidate as it would follow the answer prefix."""
        return [self.encode(self.info.answer_space + c) for c in candidates]

    def identity(self, *names: str) -> dict:
        """Which weights, device and versions a result comes from; saved beside it."""
        import transformers

        return {
            "set": self.info.name,
            "members": self.weights(*names),
            "device": str(self.device),
            "dtype": self.dtype_name,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }
