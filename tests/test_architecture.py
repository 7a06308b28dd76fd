"""The rings of the house: a module imports only towards the text, and nothing loads a pickle or runs a stranger's code."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RINGS = ("text", "torch", "numpy", "plotly", "run")
HOUSE = {
    "text": (
        "__init__ problems prosqa generators shortcuts colours layers model_set task sources answers templates gsm8k "
        "strategyqa multiple_choice"
    ),
    "torch": "models rollout refine muon reasoner branches",
    "numpy": (
        "metrics projection fitting shipped summary gains findings regimes accuracy comparison live live_scene lessons "
        "lesson_laws toy"
    ),
    "plotly": (
        "stage feedback_figure frontier_figure toy_figures mixing_figure evidence_figures trap_figures panels "
        "graph_panel figures compare_figure difference_figure ladder_figure regimes_figure heat_grid"
    ),
    "run": "lesson_measurements evaluate train assemble background sweep ladder compare live_runs bench __main__",
}
MODULES = {name: ring for ring, names in HOUSE.items() for name in names.split()}
# `trace`, the records, may be imported by every ring; it may itself import only text
FREE = "trace"
TORCH, MAPS, DRAWING, PAGES = {"torch", "transformers"}, {"sklearn", "umap"}, {"plotly", "matplotlib"}, {"streamlit"}
FORBIDDEN = {
    "text": TORCH | {"umap"} | DRAWING | PAGES,  # the baseline of `shortcuts` is a regression of sklearn
    "torch": MAPS | DRAWING | PAGES,
    "numpy": TORCH | DRAWING | PAGES,
    "plotly": TORCH | MAPS | PAGES,
    "run": PAGES,
    "pages": TORCH | MAPS | DRAWING,
}
CORE = sorted((ROOT / "lrr_core").glob("*.py"))
APP = [p for p in (ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))) if p.exists()]


def imports(source: str) -> tuple[set[str], set[str]]:
    """(modules of lrr_core, packages from outside) that a source imports, wherever in it and in whatever form."""
    inside, outside = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "lrr_core"):
            path = (node.module or "").removeprefix("lrr_core").strip(".")
            # "from . import a" names modules, "from .a import b" and "from lrr_core.a import b" a module's contents
            inside |= {path.split(".")[0]} if path else {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            outside.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            for alias in node.names:
                head, _, rest = alias.name.partition(".")
                if head == "lrr_core":
                    inside.add(rest.split(".")[0] or "__init__")
                else:
                    outside.add(head)
    return inside & {*MODULES, FREE}, outside


def wrong_imports(name: str, source: str) -> list[str]:
    """What module `name` imports against the rings."""
    inside, outside = imports(source)
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
    names = {p.stem for p in CORE}
    assert len(names) > 8
    assert names - {*MODULES, FREE} == set(), "give the new module a ring in tests/test_architecture.py"


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.stem)
def test_a_module_imports_only_towards_the_text(path):
    assert wrong_imports(path.stem, path.read_text()) == []


def test_a_page_holds_no_torch_and_draws_nothing_itself():
    held = {path.name: imports(path.read_text())[1] & FORBIDDEN["pages"] for path in APP}
    assert not any(held.values()), held


@pytest.mark.parametrize("path", CORE + APP, ids=lambda p: p.name)
def test_nothing_reads_a_pickle_or_runs_a_strangers_code(path):
    assert unsafe(path.read_text()) == []


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.stem)
def test_importing_does_no_slow_work(path):
    """umap takes seconds to import, the others long enough: only inside the functions that need them."""
    top = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.Import | ast.ImportFrom)]
    named = imports("\n".join(ast.unparse(n) for n in top))[1]
    assert named & {"umap", "sklearn", "matplotlib", "pyarrow", "datasets"} == set()


@pytest.mark.parametrize(
    ("name", "source", "caught"),
    [
        ("problems", "from .models import ModelSet", ["models"]),
        ("problems", "def f():\n    from lrr_core.rollout import Stream", ["rollout"]),
        ("problems", "from . import metrics, trace", ["metrics"]),
        ("prosqa", "import torch.nn as nn", ["torch"]),
        ("trace", "from .refine import Refiner", ["refine"]),
        ("refine", "from . import figures", ["figures"]),
        ("metrics", "import torch", ["torch"]),
        ("metrics", "from .refine import Step\nfrom .trace import Run", []),
        ("figures", "import lrr_core.evaluate", ["evaluate"]),
        ("figures", "from transformers import AutoModel", ["transformers"]),
        ("train", "import streamlit as st", ["streamlit"]),
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


def test_the_readme_names_every_file():
    tree = (ROOT / "README.md").read_text().split("## How it is built")[1].split("## ")[0]
    files = [p.name for p in [*CORE, *sorted((ROOT / "pages").iterdir())] if p.is_file() and p.name != "__init__.py"]
    assert len(files) > 40
    listed = {word.strip(",`") for word in tree.split()}
    short = {f"{name.split('.')[0]}.css" for name in files if name.endswith(".css") and ", .css" in tree}
    assert sorted(set(files) - listed - short) == []
