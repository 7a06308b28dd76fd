"""Model sets: a folder of checkpoints of one family that share tokenizer and width.

    prosqa/
      model_set.json      prompt template, thoughts, default sliders, provenance, weight hashes
      backbone/ strong/ weak/            config.json, model.safetensors, tokenizer.json (plain Hugging Face layout)
      cot/ no_cot/                       where present: the text baselines
      ladder/<step>/                     where present: moments of training from chance to best

A set whose members could give silently wrong numbers together (other tokenizer, other width, altered weights) is refused,
naming the member. Only safetensors are read and no code from a checkpoint is ever run.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
DEVICES = ("auto", "cpu", "cuda", "mps")
REQUIRED = ("backbone", "strong", "weak")
OPTIONAL = ("cot", "no_cot")


class ModelError(ValueError):
    """A model set that cannot be used; the message says which member, what was expected, what came, and the fix."""


@dataclass(frozen=True)
class SetInfo:
    """`model_set.json`. Unknown keys are errors.

    template: key of problems.TEMPLATES; thoughts: how many the set is meant to have; answer_prefix: text of the
    end-of-thought token(s); answer_space: text put between prefix and candidate; max_answer_tokens: longest greedy answer;
    defaults: settings a page or command starts from (fields of RefineConfig); opens_with: the backbone the app opens on;
    members: what is known of each checkpoint (step, accuracies); weights: member -> SHA-256 of its safetensors.
    """

    name: str
    title: str = ""
    benchmark: str = "prosqa"
    template: str = "triples"
    thoughts: int = 6
    answer_prefix: str = "<answer>"
    answer_space: str = " "
    max_answer_tokens: int = 4
    max_cot_tokens: int = 24
    defaults: dict = field(default_factory=dict)
    opens_with: str = "backbone"
    members: dict = field(default_factory=dict)
    provenance: dict = field(default_factory=dict)
    weights: dict = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> SetInfo:
        try:
            data = json.loads(path.read_text())
        except FileNotFoundError:
            raise ModelError(
                f"{path.parent} is no model set: it has no model_set.json. Give a folder that holds model_set.json and "
                f"the sub-folders {', '.join(REQUIRED)}."
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ModelError(f"{path} is not valid JSON ({error}); mend or restore it.") from error
        known = {f.name for f in fields(cls)}
        if not isinstance(data, dict) or "name" not in data:
            raise ModelError(f"{path} must be a JSON object with at least the key 'name'.")
        if unknown := sorted(set(data) - known):
            raise ModelError(f"{path} has unknown keys {', '.join(unknown)}; known: {', '.join(sorted(known))}.")
        return cls(**data)


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


def weight_hash(folder: Path) -> str:
    """SHA-256 of a checkpoint's safetensors, file by file in name order: the identity kept beside every result."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


class ModelSet:
    """An opened model set. Members load on first use and stay; weights are never altered, so threads may share them.

    lock: hold it while a run uses the set, so that concurrent users queue instead of slowing each other down.
    """

    def __init__(self, path: str | Path, device: str = "auto", dtype: str = "float32"):
        self.path = Path(path)
        if dtype not in DTYPES:
            raise ModelError(f"No dtype called {dtype!r}; choose one of {', '.join(DTYPES)}.")
        self.device, self.dtype, self.dtype_name = pick_device(device), DTYPES[dtype], dtype
        self.info = SetInfo.load(self.path / "model_set.json")
        self.lock = threading.RLock()
        self._loaded: dict[str, torch.nn.Module] = {}
        self._hashes: dict[str, str] = {}
        self.members = self._find_members()
        self.width = self._check_members()
        self.tokenizer = AutoTokenizer.from_pretrained(
            self.path / "backbone", trust_remote_code=False, local_files_only=True, padding_side="left"
        )
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token  # masked everywhere, so any token will do

    def _find_members(self) -> list[str]:
        found = [name for name in (*REQUIRED, *OPTIONAL) if (self.path / name).is_dir()]
        if missing := [name for name in REQUIRED if name not in found]:
            raise ModelError(
                f"{self.path} lacks the sub-folder {', '.join(missing)}; a set needs {', '.join(REQUIRED)}."
            )
        ladder = self.path / "ladder"
        rungs = sorted(p.name for p in ladder.iterdir() if p.is_dir()) if ladder.is_dir() else []
        return found + [f"ladder/{name}" for name in rungs]

    def _check_members(self) -> int:
        """Same tokenizer and width everywhere; returns the width."""
        widths, tokenizers = {}, {}
        for name in self.members:
            folder = self.path / name
            try:
                config = json.loads((folder / "config.json").read_text())
                tokenizers[name] = hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()
            except FileNotFoundError as error:
                raise ModelError(
                    f"{name} lacks {Path(error.filename).name}; save model and tokenizer there with save_pretrained."
                ) from None
            except json.JSONDecodeError as error:
                raise ModelError(f"{folder / 'config.json'} is not valid JSON ({error}).") from error
            if not any(folder.glob("*.safetensors")):
                raise ModelError(
                    f"{name} has no .safetensors weights; save it with save_pretrained(safe_serialization=True)."
                )
            widths[name] = config.get("hidden_size", config.get("n_embd"))
        for what, found in (("width", widths), ("tokenizer", tokenizers)):
            odd = [n for n in self.members if found[n] != found["backbone"]]
            if odd:
                detail = f" ({widths['backbone']} and {widths[odd[0]]})" if what == "width" else ""
                raise ModelError(
                    f"{', '.join(odd)} has a different {what} than backbone{detail}; thoughts cannot be compared. "
                    "Use checkpoints of one training."
                )
        return widths["backbone"]

    def model(self, name: str) -> torch.nn.Module:
        """The checkpoint called `name` ("backbone", "ladder/03-1200", ...), loaded once, in evaluation mode."""
        if name not in self.members:
            raise ModelError(f"This set has no checkpoint {name!r}; it has {', '.join(self.members)}.")
        with self.lock:
            if name not in self._loaded:
                expected = self.info.weights.get(name)
                if expected and expected != self.hash(name):
                    raise ModelError(
                        f"The weights of {name} are not those recorded in model_set.json; restore them or update the record."
                    )
                try:
                    model, found = AutoModelForCausalLM.from_pretrained(
                        self.path / name,
                        dtype=self.dtype,
                        trust_remote_code=False,
                        local_files_only=True,
                        use_safetensors=True,
                        output_loading_info=True,
                    )
                except (OSError, ValueError, RuntimeError, SafetensorError) as error:
                    raise ModelError(f"Cannot load {name} from {self.path / name}: {error}; save it again.") from error
                if missing := sorted(found["missing_keys"]):  # transformers would fill these with random numbers
                    raise ModelError(
                        f"The weights of {name} lack {', '.join(missing[:3])} that its config.json asks for; save it again."
                    )
                self._loaded[name] = model.to(self.device).eval().requires_grad_(False)
            return self._loaded[name]

    def hash(self, name: str) -> str:
        if name not in self._hashes:
            self._hashes[name] = weight_hash(self.path / name)
        return self._hashes[name]

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

    def candidate_ids(self, candidates: tuple[str, ...]) -> list[list[int]]:
        """Token ids of each candidate as it would follow the answer prefix."""
        return [self.encode(self.info.answer_space + c) for c in candidates]

    def identity(self, *names: str) -> dict:
        """Which weights, device and versions a result comes from; saved beside it."""
        import transformers

        return {
            "set": self.info.name,
            "members": {n: self.hash(n) for n in names},
            "device": str(self.device),
            "dtype": self.dtype_name,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }
