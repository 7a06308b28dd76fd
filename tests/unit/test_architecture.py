"""The rings of the house: a module imports only towards the text, and nothing loads a pickle or runs a stranger's code."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RINGS = ("text", "torch", "numpy", "plotly", "run")
HOUSE = {
    "text": (
        "__init__ storage colours "
        "benchmarks.catalogue benchmarks.graph_layout benchmarks.task benchmarks.sources benchmarks.answers benchmarks.numerals "
        "benchmarks.templates benchmarks.prosqa benchmarks.nouns benchmarks.english benchmarks.generators "
        "benchmarks.published benchmarks.shortcuts "
        "benchmarks.gsm8k benchmarks.generic benchmarks.strategyqa benchmarks.multiple_choice benchmarks.split "
        "evaluation.arms evaluation.cost evaluation.experiments "
        "models.checkpoints models.folder "
        "refinement.methods refinement.request refinement.subspace refinement.lenders "
        "studio.recipe studio.layout studio.latex "
        "training.finetune_config training.finetune_data "
    ),
    "torch": (
        "models.opened models.adapters models.bases models.cache models.rollout models.memory models.reading "
        "refinement.refine refinement.tracing refinement.calibration "
        "training.muon training.reasoner training.branches training.curriculum training.checkpoints "
        "training.backbones "
    ),
    "numpy": (
        "analysis.curves analysis.statistics analysis.projection analysis.fitting analysis.summary "
        "evaluation.report evaluation.report_table evaluation.cases evaluation.report_words evaluation.report_files "
        "evaluation.surface "
        "lessons.records lessons.laws lessons.toy "
        "models.shipped "
        "studies.ladder studies.ladder_words studies.setting_plane studies.accuracy_plane studies.comparison "
        "studies.live_pad studies.live_scene "
        "studio.archive studio.checked studio.bundle studio.gallery studio.thumbnail studio.records "
        "studio.problem_records studio.regime_record studio.caption "
    ),
    "plotly": (
        "figures.explore figures.panels figures.player figures.graph_panel figures.token_panel figures.compare figures.difference "
        "figures.ladder figures.regimes figures.heat_grid figures.subspace figures.report figures.report_cost "
        "figures.report_sweeps "
        "lessons.stage lessons.feedback_figure lessons.frontier_figure lessons.toy_figures lessons.mixing_figure "
        "lessons.evidence_figures lessons.trap_figures "
        "studio.look studio.paper studio.paper_map studio.paper_curves studio.paper_tokens studio.paper_graph "
        "studio.paper_regimes studio.paper_text studio.film studio.export "
    ),
    "run": (
        "__main__ "
        "analysis.background "
        "commands.options commands.reasoning commands.training commands.shipping commands.evaluation "
        "commands.experiments commands.studio "
        "evaluation.engine evaluation.evaluate evaluation.answering evaluation.answer_log evaluation.processes evaluation.tally "
        "evaluation.search "
        "lessons.measure "
        "speed.bench speed.scale "
        "studies.measure_planes studies.measure_ladder studies.measure_comparison studies.measure_live "
        "studio.replay "
        "training.train training.assemble training.finetune training.model_set_of_run training.write_set "
    ),
}
# the `__init__` of a package says what it holds and imports nothing
PACKAGES = "analysis benchmarks commands evaluation figures lessons models refinement speed studies studio training"
MODULES = {name: ring for ring, names in HOUSE.items() for name in names.split()}
MODULES |= {f"{package}.__init__": "text" for package in PACKAGES.split()}
# `refinement.trace`, the records, may be imported by every ring; it may itself import only text
FREE = "refinement.trace"
KNOWN = {*MODULES, FREE}
TORCH, MAPS, DRAWING, PAGES = {"torch", "transformers"}, {"sklearn", "umap"}, {"plotly", "matplotlib"}, {"streamlit"}
FORBIDDEN = {
    "text": TORCH | {"umap"} | DRAWING | PAGES,  # the baseline of `shortcuts` is a regression of sklearn
    "torch": MAPS | DRAWING | PAGES,
    "numpy": TORCH | DRAWING | PAGES,
    "plotly": TORCH | MAPS | PAGES,
    "run": PAGES,
    "pages": TORCH | MAPS | DRAWING,
}
HERE = ROOT / "lrr_core"
CORE = sorted(HERE.rglob("*.py"))
APP = [p for p in (ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))) if p.exists()]


def module(path: Path) -> str:
    """lrr_core/figures/explore.py -> "figures.explore"."""
    return ".".join(path.relative_to(HERE).with_suffix("").parts)


def imports(source: str, package: str = "") -> tuple[set[str], set[str]]:
    """(modules of lrr_core, packages from outside) that a source in lrr_core/`package` imports, wherever and in whatever form."""
    inside, outside = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            path = node.module or ""
            if node.level == 0 and path.split(".")[0] != "lrr_core":
                outside.add(path.split(".")[0])
                continue
            path = path.removeprefix("lrr_core").strip(".")
            if node.level == 1:
                path = f"{package}.{path}".strip(".")
            # "from . import a" names modules, "from .a import b" and "from lrr_core.a import b" a module's contents
            inside |= {path} if path in KNOWN else {f"{path}.{a.name}".strip(".") for a in node.names}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                head, _, rest = alias.name.partition(".")
                if head == "lrr_core":
                    inside.add(rest or "__init__")
                else:
                    outside.add(head)
    return inside & KNOWN, outside


def wrong_imports(name: str, source: str) -> list[str]:
    """What module `name` imports against the rings."""
    inside, outside = imports(source, name.rpartition(".")[0])
    ring = "text" if name == FREE else MODULES[name]
    allowed = {m for m, r in MODULES.items() if RINGS.index(r) <= RINGS.index(ring)} | {FREE}
    return sorted(inside - allowed) + sorted(outside & FORBIDDEN[ring])


def unsafe(source: str) -> list[str]:
    """Calls that read a pickle, run code from a checkpoint or put raw HTML on a page."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found += [f"{node.value.id}.{node.attr}"] if (node.value.id, node.attr) == ("torch", "load") else []
        if isinstance(node, ast.ImportFrom) and node.module == "torch":
            found += ["torch.load" for a in node.names if a.name == "load"]
        if isinstance(node, ast.keyword) and node.arg in {"allow_pickle", "unsafe_allow_html", "trust_remote_code"}:
            safe = isinstance(node.value, ast.Constant) and node.value.value is False
            found += [] if safe else [node.arg]
    return found + sorted(
        imports(source)[1] & {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "marshal", "shelve"}
    )


def test_every_module_belongs_to_a_ring():
    names = {module(p) for p in CORE}
    assert len(names) > 8
    assert names - KNOWN == set(), "give the new module a ring in tests/test_architecture.py"
    assert KNOWN - names == set(), "a module is gone that tests/test_architecture.py still lists"


@pytest.mark.parametrize("path", CORE, ids=module)
def test_a_module_imports_only_towards_the_text(path):
    assert wrong_imports(module(path), path.read_text()) == []


def test_a_page_holds_no_torch_and_draws_nothing_itself():
    held = {path.name: imports(path.read_text())[1] & FORBIDDEN["pages"] for path in APP}
    assert not any(held.values()), held


@pytest.mark.parametrize("path", CORE + APP, ids=lambda p: p.name)
def test_nothing_reads_a_pickle_or_runs_a_strangers_code(path):
    assert unsafe(path.read_text()) == []


@pytest.mark.parametrize("path", CORE, ids=module)
def test_importing_does_no_slow_work(path):
    """umap takes seconds to import, the others long enough: only inside the functions that need them."""
    top = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.Import | ast.ImportFrom)]
    named = imports("\n".join(ast.unparse(n) for n in top))[1]
    assert named & {"umap", "sklearn", "matplotlib", "pyarrow", "datasets"} == set()


@pytest.mark.parametrize(
    ("name", "source", "caught"),
    [
        ("benchmarks.catalogue", "from ..models.opened import ModelSet", ["models.opened"]),
        ("benchmarks.catalogue", "def f():\n    from lrr_core.models.rollout import Stream", ["models.rollout"]),
        ("benchmarks.catalogue", "from ..analysis import curves\nfrom ..refinement import trace", ["analysis.curves"]),
        ("benchmarks.prosqa", "import torch.nn as nn", ["torch"]),
        ("benchmarks.prosqa", "from ..studies.live_pad import Pad", ["studies.live_pad"]),
        ("benchmarks.task", "from .prosqa import ProblemError", []),
        ("studies.live_pad", "from . import measure_live", ["studies.measure_live"]),
        ("refinement.trace", "from .refine import Refiner", ["refinement.refine"]),
        ("refinement.refine", "from ..figures import explore", ["figures.explore"]),
        ("analysis.curves", "import torch", ["torch"]),
        ("analysis.curves", "from ..refinement.refine import Step\nfrom ..refinement.trace import Run", []),
        ("figures.explore", "import lrr_core.evaluation.evaluate", ["evaluation.evaluate"]),
        ("figures.explore", "from transformers import AutoModel", ["transformers"]),
        ("training.train", "import streamlit as st", ["streamlit"]),
    ],
)
def test_the_check_of_imports_catches_what_it_should(name, source, caught):
    assert wrong_imports(name, source) == caught


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("torch.load('x')", ["torch.load"]),
        ("from torch import load", ["torch.load"]),
        ("import pickle", ["pickle"]),
        ("np.load(p, allow_pickle=True)", ["allow_pickle"]),
        ("np.load(p, allow_pickle=flag)", ["allow_pickle"]),
        ("np.load(p, allow_pickle=False)", []),
        ("st.markdown(t, unsafe_allow_html=True)", ["unsafe_allow_html"]),
        ("AutoModel.from_pretrained(p, trust_remote_code=True)", ["trust_remote_code"]),
    ],
)
def test_the_check_of_safety_catches_what_it_should(source, caught):
    assert unsafe(source) == caught


def test_the_readme_tours_every_folder():
    """The tour names folders, not files: what a file is for, it says itself at its head."""
    tour = set(re.findall(r"`((?:lrr_core|pages|tests|assets)/[\w/]*)`", (ROOT / "README.md").read_text()))
    assert {f"lrr_core/{package}/" for package in PACKAGES.split()} <= tour
    assert [path for path in sorted(tour) if not (ROOT / path).exists()] == []
