"""A model set as a folder, read without torch: what it says of itself, which checkpoints it holds, and their hashes.

    prosqa/
      model_set.json      prompt template, thoughts, default sliders, provenance, weight hashes
      backbone/ strong/ weak/            config.json, model.safetensors, tokenizer.json (plain Hugging Face layout)
      cot/ no_cot/                       where present: the text baselines
      ladder/<step>/                     where present: moments of training from chance to best
      base/                              where members are adapters and the base is not in the cache folder
      tilr/<pair>.npz                    where present: calibrations of TILR, each true of certain weights and one reading

A member may be an *alias* of another (`aliases` in model_set.json), so that equal weights are one file, and it may be an
*adapter* (a PEFT folder) on the one `base` that model_set.json names.

A set whose members could give silently wrong numbers together (other tokenizer, other width, altered weights) is refused,
naming the member. `models.ModelSet` is this folder with its weights loaded; a page that only has to name a set, or to ask
whether a shipped result is of these weights, needs no torch for it.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

from ..refinement.methods import METHODS
from ..refinement.subspace import Subspace, SubspaceError, file_name
from ..refinement.trace import RefineConfig
from ..storage import cache_folder, digest
from .checkpoints import ROLES, Checkpoints

OPTIONAL = ("cot", "no_cot")
HIDDEN = ("none", "asked")
BASE_KEYS = {"name", "width", "sha256", "get"}
ADAPTER = "adapter_config.json"
SOURCE = "source.json"  # in a base's folder: what it was made from


class ModelError(ValueError):
    """A model set that cannot be used; the message says which member, what was expected, what came, and the fix."""


class NotCalibrated(ModelError):
    """TILR was asked for where no calibration is true of these weights; the message has the command that makes one."""


@dataclass(frozen=True)
class SetInfo:
    """`model_set.json`. Unknown keys are errors.

    template: key of problems.TEMPLATES; thoughts: how many the set is meant to have; answer_prefix: text of the
    end-of-thought token(s); answer_space: text put between prefix and candidate; max_answer_tokens: longest greedy answer;
    hidden: "asked" where nothing after the question may attend to the asked root, the last word of the prompt, else "none";
    thought_scale: what thoughts are multiplied by where they are fed (see `rollout`);
    defaults: settings a page or command starts from (fields of RefineConfig); opens_with: the backbone the app opens on;
    base: {} or what the members are adapters of: name, width, sha256 (of the file it was made from) and get (what
    `python -m lrr_core get` calls it); aliases: member -> the member whose weights it has;
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
    hidden: str = "none"
    thought_scale: float = 1.0
    defaults: dict = field(default_factory=dict)
    opens_with: str = "backbone"
    base: dict = field(default_factory=dict)
    aliases: dict = field(default_factory=dict)
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
                f"the sub-folders {', '.join(ROLES)}."
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ModelError(f"{path} is not valid JSON ({error}); mend or restore it.") from error
        known = {f.name for f in fields(cls)}
        if not isinstance(data, dict) or "name" not in data:
            raise ModelError(f"{path} must be a JSON object with at least the key 'name'.")
        if unknown := sorted(set(data) - known):
            raise ModelError(f"{path} has unknown keys {', '.join(unknown)}; known: {', '.join(sorted(known))}.")
        if data.get("hidden", "none") not in HIDDEN:
            raise ModelError(f"{path}: hidden must be one of {', '.join(HIDDEN)}, not {data['hidden']!r}.")
        for key in ("base", "aliases"):
            if not isinstance(data.get(key, {}), dict):
                raise ModelError(f"{path}: {key} must be an object, not {data[key]!r}.")
        if data.get("base") and not (set(data["base"]) >= BASE_KEYS and isinstance(data["base"]["width"], int)):
            raise ModelError(f"{path}: base needs {', '.join(sorted(BASE_KEYS))}, the width a whole number.")
        scale = data.get("thought_scale", 1.0)
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < float("inf"):
            raise ModelError(f"{path}: thought_scale must be a number above 0, not {scale!r}.")
        return cls(**data)


def weight_hash(folder: Path) -> str:
    """SHA-256 of a checkpoint's safetensors, file by file in name order: the identity kept beside every result."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def bases_folder() -> Path:
    """Where `python -m lrr_core get` puts pretrained models."""
    return cache_folder() / "bases"


class ModelFolder:
    """A model set's folder, checked but not loaded. Raises ModelError naming the member, what was expected and what came.

    path; info: its `model_set.json`; members: names of its checkpoints; width: D, the same for all of them.

    alone: for the folder of one checkpoint, what its set would say: it is then the only member, the backbone, so that a
    training measures it as a set is measured.
    """

    def __init__(self, path: str | Path, alone: SetInfo | None = None):
        self.path, self.alone = Path(path), alone is not None
        self.info = alone or SetInfo.load(self.path / "model_set.json")
        self._hashes: dict[str, str] = {}
        self.members = ["backbone"] if alone else self._find_members()
        self.width = self._check_members()

    def folder(self, name: str) -> Path:
        """Where the weights of a member lie: its own folder, or that of the member it is an alias of."""
        return self.path if self.alone else self.path / self.info.aliases.get(name, name)

    def _find_members(self) -> list[str]:
        for name, target in self.info.aliases.items():
            if target in self.info.aliases or not (self.path / str(target)).is_dir():
                raise ModelError(
                    f"{name} is an alias of {target}, which is no member with weights; mend model_set.json."
                )
        found = [name for name in (*ROLES, *OPTIONAL) if self.folder(name).is_dir()]
        if missing := [name for name in ROLES if name not in found]:
            raise ModelError(f"{self.path} lacks the sub-folder {', '.join(missing)}; a set needs {', '.join(ROLES)}.")
        ladder = self.path / "ladder"
        own = {p.name for p in ladder.iterdir() if p.is_dir()} if ladder.is_dir() else set()
        aliased = {name.removeprefix("ladder/") for name in self.info.aliases if name.startswith("ladder/")}
        return found + [f"ladder/{name}" for name in sorted(own | aliased)]

    def _check_members(self) -> int:
        """Same tokenizer and width everywhere; returns the width."""
        if self.info.base:
            return self._check_adapters()
        widths, tokenizers = {}, {}
        for name in self.members:
            folder = self.folder(name)
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

    def _check_adapters(self) -> int:
        """Every member is a LoRA adapter; the width is the base's, which need not be here yet."""
        for name in self.members:
            file = self.folder(name) / ADAPTER
            try:
                kind = json.loads(file.read_text()).get("peft_type")
            except (OSError, ValueError, AttributeError) as error:
                raise ModelError(f"{name} has no readable {ADAPTER} ({error}); save the adapter with PEFT.") from error
            if kind != "LORA":
                raise ModelError(f"{name} is an adapter of the kind {kind}, and only LORA is known.")
            if not (file.parent / "adapter_model.safetensors").exists():
                raise ModelError(f"{name} has no adapter_model.safetensors; save the adapter with PEFT.")
        return self.info.base["width"]

    def base_folder(self) -> Path:
        """Where the base of the adapters lies: `base/` in the set, else the cache folder. ModelError says how to get it."""
        base = self.info.base
        given = [Path(base["path"])] if self.alone and "path" in base else []  # of a training, never of a set
        for folder in (*given, self.path / "base", bases_folder() / base["name"]):
            if (folder / "config.json").exists():
                try:
                    made_from = json.loads((folder / SOURCE).read_text())["sha256"]
                except (OSError, ValueError, KeyError, TypeError):
                    made_from = None
                if made_from != base["sha256"]:
                    raise ModelError(
                        f"{folder} is not the {base['name']} that these adapters were trained on; delete it and run "
                        f"`python -m lrr_core get {base['get']}`."
                    )
                return folder
        raise ModelError(
            f"The set {self.info.name} consists of adapters of {base['name']}, which is not on this machine yet; get it once "
            f"with `python -m lrr_core get {base['get']}`."
        )

    def hash(self, name: str) -> str:
        if name not in self._hashes:
            self._hashes[name] = weight_hash(self.folder(name))
        return self._hashes[name]

    def weights(self, *names: str) -> dict[str, str]:
        """Name -> hash of each checkpoint: what `identity` records as members, beside every result."""
        return {name: self.hash(name) for name in names}

    def thinkers(self) -> list[str]:
        """The checkpoints that have thoughts: all but the text baselines."""
        return [name for name in self.members if name not in OPTIONAL]

    # --- what methods need besides the checkpoints ---------------------------------------------------------------------

    def check_method(self, method: str, names: Checkpoints, config: RefineConfig) -> None:
        """Raise ModelError where `method` could not run for want of a checkpoint of `names` or of a calibration: call it
        before minutes are spent on other methods. It reads no weights into memory."""
        self._check_names(names)
        if method in OPTIONAL:
            self._check_names((method,))
        if METHODS[method].calibrated:
            self.subspace(names, config.reference)

    def subspace(self, names: Checkpoints, reference: str, cache: Path | None = None) -> Subspace:
        """The calibration of TILR for (backbone, strong, weak) and one reading of the references: the set's own, else one kept
        in the cache folder. Whatever a file is called, it is taken where it is true of the very weights of these
        checkpoints. NotCalibrated where there is none.
        """
        self._check_names(names)
        members = self._roles(names)
        trouble = ""
        for file in self._calibrations(names, reference, cache):
            try:
                found = Subspace.load(file)
            except SubspaceError as error:
                trouble = trouble or (f"{error} " if file.exists() else "")
                continue
            if found.fits(members, reference):
                return found
            if file.name == file_name(names, reference):
                trouble = f"{file.name} was made with other weights. "
        command = f"python -m lrr_core calibrate --models {shlex.quote(str(self.path))} --backbone {names[0]} --strong {names[1]}"
        command += f" --weak {names[2]} --references {reference}" + (
            "" if self.info.benchmark == "prosqa" else " --data FILE"
        )
        raise NotCalibrated(
            f"{trouble}TILR has no calibration for {' / '.join(names)} with the reference {reference}; make it with `{command}`."
        )

    def kept_subspace(self, names: Checkpoints, reference: str, cache: Path | None = None) -> Path:
        """The cache's file for the calibration of these very weights."""
        return (cache or cache_folder()) / f"tilr-{digest([reference, self._roles(names)])}.npz"

    def _calibrations(self, names: Checkpoints, reference: str, cache: Path | None) -> Iterator[Path]:
        own = self.path / "tilr" / file_name(names, reference)
        yield own
        yield from (path for path in sorted(own.parent.glob("*.npz")) if path != own)
        yield self.kept_subspace(names, reference, cache)

    def _roles(self, names: Checkpoints) -> dict[str, str]:
        return names.by_role(self.hash)

    def _check_names(self, names: tuple[str, ...]) -> None:
        if missing := [name for name in names if name not in self.members]:
            raise ModelError(f"This set has no checkpoint {missing[0]!r}; it has {', '.join(self.members)}.")
