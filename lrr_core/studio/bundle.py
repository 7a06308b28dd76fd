"""The bundle: one zip that holds a figure, everything it was drawn from, and what is needed to make it again.

    README.txt          for the reader who opens the zip
    manifest.json       settings, seeds, versions, weights, link, and the SHA-256 of every other file
    recipe.json         how the figure is composed
    trace.npz           every thought and round; trace.json is the same for reading: settings, answers, curves
    figure.pdf ...      the figure, in the formats asked for
    data/*.csv          every plotted number, one table a panel

    data = make_bundle(trace, recipe, {"figure.pdf": ...}, {"map": "run,thought,x,y\\n..."})
    open_bundle(data).trace

Laws (tests): the same input gives the same bytes; what `make_bundle` wrote, `open_bundle` gives back; anything else is refused
with the reason, before it is unpacked or believed (`archive` has the list). The hashes tell damage, not forgery: whoever
makes a bundle can write what they like, which is why `replay` runs it again.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np

from .. import __version__
from ..analysis import summary
from ..analysis.curves import curves
from ..models.checkpoints import ROLES
from ..refinement.trace import Trace
from .archive import ZIP_START, ArchiveError, entries, pack
from .checked import TRACE, BundleError, file_bytes, open_trace
from .recipe import Recipe, RecipeError

FORMAT = 1
KIND = "lrr_core bundle"
MANIFEST, RECIPE, VIEW, README = "manifest.json", "recipe.json", "trace.json", "README.txt"
FIGURE = "figure"  # every figure file is called this, with its format as ending
KEYS = ("format", "kind", "version", "link", "typical", "settings", "seeds", "versions", "weights", "files")
LONGEST_LINK, LONGEST_LINE = 8000, 1000
PACKAGES = ("matplotlib", "numpy")  # torch and transformers stand in the trace's own identity


@dataclass(frozen=True)
class Bundle:
    """An opened bundle. trace, recipe: as they were; link: the address of the studio, as a query string; typical: how typical
    the case is, in one line ("" where it came from no report); versions: of what made it; files: every file by its name."""

    trace: Trace
    recipe: Recipe
    link: str = ""
    typical: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, bytes]:
        """The figure files: format -> bytes."""
        return {
            name.removeprefix(f"{FIGURE}."): data for name, data in self.files.items() if name.startswith(f"{FIGURE}.")
        }


def versions(trace: Trace) -> dict[str, str]:
    """Of everything that decides a number or a line of the figure: of the run as its trace has them, else of this machine."""
    ours = {name: version(name) for name in PACKAGES}
    made = {
        name: str(trace.identity[name])
        for name in ("torch", "transformers", "device", "dtype")
        if name in trace.identity
    }
    return {"lrr_core": __version__, "python": platform.python_version()} | ours | made


def make_bundle(
    trace: Trace,
    recipe: Recipe,
    figures: Mapping[str, bytes],
    tables: Mapping[str, str],
    link: str = "",
    typical: str = "",
    more: Mapping[str, bytes] | None = None,
) -> bytes:
    """The zip. figures: format ("pdf") -> bytes; tables: name -> CSV; link: the studio's address as a query string; typical:
    the caption line of `gallery.typical`; more: other files, such as caption and references."""
    files = {f"{FIGURE}.{kind}": data for kind, data in figures.items()}
    files |= {f"data/{name}.csv": table.encode() for name, table in tables.items()}
    files |= dict(more or {})
    files[TRACE] = summary.trace_bytes(trace)
    files[VIEW] = _json(view(trace))
    files[RECIPE] = _json(recipe.to_dict())
    files[README] = readme(trace, sorted(files), link, typical).encode()
    manifest = {
        "format": FORMAT,
        "kind": KIND,
        "version": __version__,
        "link": link,
        "typical": typical,
        "settings": asdict(trace.config) | {role: trace.identity.get(role, "") for role in ROLES},
        "seeds": {"run": trace.config.seed},
        "versions": versions(trace),
        "weights": trace.identity.get("members", {}),
        "files": {name: {"sha256": _sha(files[name]), "bytes": len(files[name])} for name in sorted(files)},
    }
    return pack(files | {MANIFEST: _json(manifest)})


def open_bundle(source: bytes | str | Path) -> Bundle:
    """A bundle from its bytes or its path. BundleError with the reason for whatever this app did not write like this."""
    data = file_bytes(source)
    try:
        files = entries(data)
    except ArchiveError as error:
        raise BundleError(str(error)) from error
    if MANIFEST not in files:
        raise BundleError(
            f"This zip is no bundle of the studio: it has no {MANIFEST}. Choose a file made by its “Bundle” button."
        )
    manifest = _manifest(files.pop(MANIFEST))
    _check_files(manifest["files"], files)
    for name, content in files.items():
        if name != TRACE and (content.startswith(ZIP_START) or name.lower().endswith((".zip", ".npz"))):
            raise BundleError(
                f"The bundle holds a zip within the zip ({name}); only {TRACE} may be one. Make it again."
            )
    try:
        recipe = Recipe.from_dict(_loads(RECIPE, files[RECIPE]))
    except (RecipeError, TypeError) as error:
        raise BundleError(f"The recipe of this bundle cannot be used: {error}") from error
    trace = open_trace(files[TRACE])
    return Bundle(trace, recipe, manifest["link"], manifest["typical"], manifest["versions"], files)


def is_bundle(data: bytes) -> bool:
    """Whether an upload is meant to be a bundle rather than a trace: by what it holds, not by its name."""
    try:
        return MANIFEST in entries(data)
    except ArchiveError:
        return False


# --- what is believed -------------------------------------------------------------------------------------------------


def _manifest(data: bytes) -> dict:
    found = _loads(MANIFEST, data)
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise BundleError(f"This zip is no bundle of the studio: its {MANIFEST} is another program's.")
    if found.get("format") != FORMAT:
        raise BundleError(
            f"This bundle is of format {found.get('format')!r:.20}; this version reads {FORMAT}. Update the app."
        )
    if odd := sorted(set(found) ^ set(KEYS)):
        raise BundleError(f"{MANIFEST} has unknown or missing keys ({', '.join(odd)[:200]}); make the bundle again.")
    kinds = {
        "link": str,
        "typical": str,
        "settings": dict,
        "seeds": dict,
        "versions": dict,
        "weights": dict,
        "files": dict,
    }
    for key, kind in kinds.items():
        if not isinstance(found[key], kind):
            raise BundleError(f"{key} in {MANIFEST} must be a {kind.__name__}; make the bundle again.")
    for key, most in (("link", LONGEST_LINK), ("typical", LONGEST_LINE)):
        if len(found[key]) > most:
            raise BundleError(f"{key} in {MANIFEST} is longer than {most} letters; make the bundle again.")
    if any(not isinstance(v, str) for v in found["versions"].values()):
        raise BundleError(f"versions in {MANIFEST} must be text; make the bundle again.")
    return found


def _check_files(listed: dict, files: dict[str, bytes]) -> None:
    """The manifest names exactly the files there are, and their bytes are those it was written for."""
    if missing := sorted(set(listed) - set(files)):
        raise BundleError(f"The bundle lacks {', '.join(missing)[:200]}, which its manifest lists; download it again.")
    if extra := sorted(set(files) - set(listed)):
        raise BundleError(
            f"The bundle holds {', '.join(extra)[:200]}, which its manifest does not list; make it again."
        )
    if missing := [name for name in (TRACE, RECIPE) if name not in files]:
        raise BundleError(f"The bundle lacks {', '.join(missing)}; make it again.")
    for name, content in files.items():
        said = listed[name].get("sha256") if isinstance(listed[name], dict) else None
        if said != _sha(content):
            raise BundleError(
                f"{name} is not the file the manifest was written for (other SHA-256): altered or damaged."
            )


# --- what is written for people ---------------------------------------------------------------------------------------


def view(trace: Trace) -> dict:
    """The trace for reading: everything but the vectors, as plain JSON. Curves are values after the last round, one a thought;
    lengths in units of the hidden state, margins in nats."""
    runs = {}
    for name, run in trace.runs.items():
        c = curves(trace, name)
        last = {f: getattr(c, f) for f in summary.CSV_FIELDS} | {f: getattr(c, f)[:, -1] for f in summary.CSV_ROUNDS}
        given = summary.answer(trace, name)
        runs[name] = {
            "answer": given.name,
            "probability": _number(given.p),
            "right": given.right,
            "decoded": run.text,
            "forwards": run.cost,
            "thoughts": len(run.states),
            "rounds": run.states.shape[1] - 1,
            "curves": {f: [_number(v) for v in values] for f, values in last.items()},
            "candidate_p": [[_number(v) for v in row] for row in c.candidate_p],
            "tokens": summary.token_table(trace, name),
        }
    problem = {"id": trace.problem.id, "question": trace.problem.question, "candidates": list(trace.problem.candidates)}
    return {
        "problem": problem | {"answer": trace.problem.gold, "renamed": dict(trace.problem.renamed)},
        "settings": asdict(trace.config),
        "identity": trace.identity,
        "runs": runs,
    }


def readme(trace: Trace, names: list[str], link: str, typical: str) -> str:
    """README.txt: what this is, what is in it, how to make it again."""
    c, plain, refined = trace.config, summary.answer(trace, "plain"), summary.answer(trace, "refined")
    what = {
        TRACE: "every thought and round as arrays; lrr_core.refinement.trace.Trace.load reads it, and numpy.load without pickle",
        VIEW: "the same for reading: settings, answers, curves, decoded tokens",
        RECIPE: "how the figure is composed",
    }
    lines = [
        "A case study of latent reasoning refinement",
        "===========================================",
        "",
        summary.asked(trace.problem),
        f"plain run: {plain.text}      {summary.refined_name(trace)}: {refined.text}",
        *([typical] if typical else []),
        "",
        f"Settings: {c.method}, s = {c.step_size:g}, alpha = {c.residual:g}, K = {c.rounds}, T = {c.thoughts}, "
        f"reference {c.reference}, seed {c.seed}",
        f"Checkpoints: {' / '.join(str(trace.identity.get(role, '')) for role in ROLES)} of {trace.identity.get('set', '')}",
        "",
        "Run it again, and compare every number and every file:",
        "    python -m lrr_core replay bundle.zip",
        "Open it in the app: page Studio, “a file”.",
        *([f"Address of this figure in the app: studio{link}"] if link else []),
        "",
        "Files",
        *(f"    {name:<22}{what.get(name, _meaning(name))}" for name in names),
        f"    {MANIFEST:<22}settings, seeds, versions, weights (SHA-256), and the SHA-256 of every file here",
        "",
    ]
    return "\n".join(line.rstrip() for line in lines)


MEANINGS = {
    "html": "the interactive figure; open it in a browser, offline",
    "gif": "the run growing thought by thought",
    "webp": "the run growing thought by thought",
    "tex": "LaTeX: the figure with caption and label",
    "bib": "BibTeX: the method, latent reasoning, this software",
    "txt": "the caption",
}


def _meaning(name: str) -> str:
    if name.startswith(f"{FIGURE}."):
        return MEANINGS.get(name.removeprefix(f"{FIGURE}."), "the figure")
    return "every number drawn in this panel" if name.startswith("data/") else ""


def _number(value: float) -> float | None:
    """Six digits; None where there is no number, which JSON cannot write."""
    return float(f"{float(value):.6g}") if np.isfinite(value) else None


def _json(data) -> bytes:
    return json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False).encode() + b"\n"


def _loads(name: str, data: bytes):
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} of this bundle is not valid JSON; make the bundle again.") from error


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
