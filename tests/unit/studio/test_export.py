"""A figure as files: the same bytes every time, text that can be selected, pages that ask for nothing, words that are safe."""

import csv
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pypdf
import pytest
from PIL import Image

from lrr_core.__main__ import main
from lrr_core.analysis.fitting import fit_background, own_labels
from lrr_core.analysis.summary import answer
from lrr_core.models.folder import ModelFolder
from lrr_core.refinement.trace import RefineConfig, Trace
from lrr_core.refinement.tracing import refine_problem
from lrr_core.studies.setting_plane import file_name
from lrr_core.studio import latex
from lrr_core.studio.caption import draft
from lrr_core.studio.export import FORMATS, files, render
from lrr_core.studio.film import WIDEST, moments
from lrr_core.studio.recipe import Recipe, RecipeError
from lrr_core.studio.records import plotted

CONFIG = RefineConfig(thoughts=2, rounds=1, step_size=0.5, residual=0.25)
RECIPE = Recipe(panels=("map", "margin", "text"), size="one-column", dpi=100, title="Two thoughts & “one” push")
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def trace(opened, problems) -> Trace:
    return refine_problem(opened["llama"], problems[0], CONFIG)


@pytest.fixture(scope="module")
def made(trace) -> dict[str, bytes]:
    return files(trace, RECIPE, FORMATS)


# --- the same bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_a_figure_made_twice_is_byte_identical(trace, made, format):
    assert render(trace, RECIPE, format) == made[format]


def test_another_process_on_another_day_writes_the_same_bytes(trace, made, tmp_path):
    trace.save(tmp_path / "run.npz")
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE.to_dict()))
    argv = [f"--trace={tmp_path / 'run.npz'}", f"--recipe={tmp_path / 'recipe.json'}"]
    argv += [f"--out={tmp_path / f'figure.{kind}'}" for kind in ("pdf", "svg", "png", "html")]
    env = os.environ | {"PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, "-m", "lrr_core", "figure", *argv],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    for kind in ("pdf", "svg", "png", "html"):
        assert (tmp_path / f"figure.{kind}").read_bytes() == made[kind], kind


def test_threads_draw_at_once_and_alike(trace, made):
    found = {}
    threads = [threading.Thread(target=lambda i=i: found.update({i: render(trace, RECIPE, "svg")})) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] == made["svg"] for i in range(4)] == [True] * 4


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_text_in_the_pdf_is_text_in_embedded_truetype(trace, made):
    page = pypdf.PdfReader(io.BytesIO(made["pdf"])).pages[0]
    said = " ".join(page.extract_text().split())
    given = answer(trace, "refined")
    for words in (
        "Two thoughts & “one” push",
        "refined run",
        "thought",
        "nats",
        given.name,
        f"{100 * given.p:.0f} %",
        "controls",
    ):
        assert words in said, words
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    kinds = {font["/Subtype"] for font in fonts}
    assert kinds and kinds <= {"/Type0", "/TrueType"}  # and not /Type3, which journals refuse
    for font in fonts:
        whole = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
        assert "/FontFile2" in whole["/FontDescriptor"]


def test_the_pdf_has_its_width_and_no_date(made):
    reader = pypdf.PdfReader(io.BytesIO(made["pdf"]))
    assert float(reader.pages[0].mediabox.width) == pytest.approx(84 / 25.4 * 72, abs=0.01)
    assert "/CreationDate" not in reader.metadata and reader.metadata["/Title"] == RECIPE.title


def test_text_in_the_svg_is_text(trace, made):
    root = ElementTree.fromstring(made["svg"])
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"refined run", "nats", answer(trace, "plain").name} <= set(texts)
    assert b"<dc:date>" not in made["svg"]
    assert not re.findall(rb'(?:href|src)="(?!#)(?!data:)[^"]+"', made["svg"])  # nothing is fetched


def test_the_png_has_its_resolution(made):
    picture = Image.open(io.BytesIO(made["png"]))
    assert picture.width == int(84 / 25.4 * 100) and picture.info["dpi"] == pytest.approx((100, 100), abs=0.1)
    assert np.asarray(picture.convert("L")).std() > 10


@pytest.mark.parametrize("format", ["gif", "webp"])
def test_a_film_has_a_frame_per_thought_and_round_on_white(trace, made, format):
    film = Image.open(io.BytesIO(made[format]))
    assert film.n_frames == len(moments(plotted(trace, RECIPE))) == 2 * 2
    assert film.width <= WIDEST and film.info["loop"] == 0
    pictures = []
    for i in range(film.n_frames):
        film.seek(i)
        pictures.append(np.asarray(film.convert("RGB")).copy())
    assert all((p[1, 1] == 255).all() for p in pictures)
    assert all((a != b).any() for a, b in itertools.pairwise(pictures))


def test_the_last_frame_is_the_figure(trace, made):
    film = Image.open(io.BytesIO(made["webp"]))
    film.seek(film.n_frames - 1)
    last, whole = (np.asarray(p.convert("L"), float) for p in (film, Image.open(io.BytesIO(made["png"]))))
    assert last.shape == whole.shape
    # but for the cursor, and the arrows of earlier thoughts
    assert (np.abs(last - whole) > 60).mean() < 0.03


# --- the page ---------------------------------------------------------------------------------------------------------


class Asks(HTMLParser):
    """Collects what a page would fetch, and its visible words."""

    def __init__(self):
        super().__init__()
        self.fetched, self.words, self.inside, self.tags = [], [], "", []

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.tags.append(tag)
        self.fetched += [
            v for k, v in attrs if k in ("src", "href", "data", "action") and v and not v.startswith("data:")
        ]

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.words.append(data)


def test_the_page_is_whole_and_asks_for_nothing(trace, made):
    page = Asks()
    page.feed(made["html"].decode())
    assert page.fetched == [] and "link" not in page.tags
    assert len(made["html"]) > 3_000_000  # Plotly's own script is inside
    assert b"Plotly.newPlot" in made["html"] and b"addFrames" in made["html"]
    assert RECIPE.title in " ".join(page.words)


def test_the_page_holds_the_numbers_of_the_trace(trace, made):
    margin = plotted(trace, RECIPE)["margin"].lines[1].values
    assert all(f"{v:.6g}"[:6] in made["html"].decode() for v in margin)


def test_no_text_becomes_a_tag(trace):
    nasty = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    recipe = replace(RECIPE, title=nasty, caption=nasty)
    problem = replace(trace.problem, question=nasty, graph=None)
    runs = {n: replace(r, node_p=np.zeros((*r.states.shape[:2], 0))) for n, r in trace.runs.items()}
    page = Asks()
    page.feed(render(replace(trace, problem=problem, runs=runs, watched=()), recipe, "html").decode())
    assert page.fetched == [] and "img" not in page.tags
    clean = Asks()
    clean.feed(render(trace, RECIPE, "html").decode())
    assert page.tags.count("script") == clean.tags.count("script")


# --- words ------------------------------------------------------------------------------------------------------------


def test_the_caption_is_made_of_the_runs_numbers(trace):
    apart = {"plain": [-0.2, -2.0], "refined": [-3.0, -0.1], "zero_thoughts": [-0.5, -1.0]}  # a tiny model hardly minds
    runs = {name: replace(trace.runs[name], scores=np.array(scores)) for name, scores in apart.items()}
    trace = replace(trace, runs=trace.runs | runs)
    words = draft(trace, RECIPE, plotted(trace, RECIPE), typical="One of 3 problems of 9.")
    plain, refined, zero = (answer(trace, name) for name in ("plain", "refined", "zero_thoughts"))
    for part in (
        "T = 2 thoughts", "K = 1 round", "s = 0.5 (η = 8)", "α = 0.25", "reference “next”", "One of 3 problems of 9.",
        f"The plain run answers {plain.name} (p = {plain.p:.2f}", f"the refined run {refined.name} (p = {refined.p:.2f}",
        f"every thought replaced by zeros: {zero.name} (p = {zero.p:.2f}", "(a) Map of thoughts (PCA)", "(c) The problem",
    ):  # fmt: skip
        assert part in words, part
    assert ("right" if plain.right else "wrong") in words


@pytest.mark.parametrize(
    ("method", "there", "absent"),
    [
        ("coconut", "no refinement; T = 2 thoughts;", "step size"),
        ("residual", "α = 0.25", "step size"),
        ("contrast", "s = 0.5", "α ="),
        ("swapped", "control: as full, with strong and weak exchanged", "no refinement"),
    ],
)
def test_the_caption_names_only_what_the_method_uses(opened, problems, method, there, absent):
    run = refine_problem(opened["llama"], problems[0], replace(CONFIG, method=method))
    words = draft(run, RECIPE, plotted(run, RECIPE))
    assert there in words and absent not in words


def test_an_own_caption_takes_the_drafts_place(trace):
    recipe = replace(RECIPE, caption="Mine, 100 % of it.")
    assert render(trace, recipe, "txt") == b"Mine, 100 % of it.\n"
    assert rb"\caption{Mine, 100 \% of it.}" in render(trace, recipe, "tex")


def test_every_letter_is_safe_in_latex():
    text = "\\input{x} 50 % of $h_t$ & #1 ~ ^ {α} “q” ‖h‖ ✓ −1"
    out = latex.escape(text)
    bare = re.sub(
        r"\\(?:[%$&#_{}]|textbackslash\{\}|textasciitilde\{\}|textasciicircum\{\})|\$\\?[A-Za-z]+\$|\$-\$", "", out
    )
    assert not set(bare) & set("\\$&#_%{}~^"), bare
    assert r"\textbackslash{}input\{x\}" in out and r"$\alpha$" in out and "``q''" in out


def test_the_snippet_keeps_the_size_and_names_the_file(trace):
    one, two = (
        latex.snippet(replace(RECIPE, size=size), "A caption.", "case-1") for size in ("one-column", "two-column")
    )
    assert (
        r"\begin{figure}[t]" in one
        and r"\includegraphics[width=84mm]{case-1}" in one
        and r"\label{fig:thoughts}" in one
    )
    assert r"\begin{figure*}[t]" in two and "width=174mm" in two and two.count("{") == two.count("}")


def test_the_references_are_balanced_and_cite_what_is_used():
    with_map, without = latex.bibtex(Recipe(panels=("map",))), latex.bibtex(Recipe(panels=("map",), map="PCA"))
    assert "2506.08552" in without and "2412.06769" in without and "@software{lrr_core" in without
    assert "umap" in with_map.lower() and "umap" not in without.lower()
    assert with_map.count("{") == with_map.count("}") and len(set(re.findall(r"@\w+\{(\S+),", with_map))) == 4


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(capsys):
    def go(*argv) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in argv])
        return (stop.value.code, *capsys.readouterr())

    return go


@pytest.fixture
def run_file(trace, tmp_path):
    return trace.save(tmp_path / "run.npz")


def test_the_command_writes_what_render_gives(command, run_file, folders, tmp_path, trace):
    argv = [
        "--panels",
        "distances, graph",
        "--size",
        "one-column",
        "--font-size",
        7,
        "--palette",
        "grey",
        "--no-letters",
        "--dpi",
        90,
    ]
    argv += [
        "--models",
        folders["llama"],
        "--out",
        tmp_path / "sub" / "a.pdf",
        "--out",
        tmp_path / "a.PNG",
        "--out",
        tmp_path / "case.tex",
    ]
    code, out, _ = command("figure", "--trace", run_file, *argv)
    recipe = Recipe(
        panels=("distances", "graph"), size="one-column", font_size=7.0, palette="grey", letters=False, dpi=90
    )
    assert code == 0 and out.split() == [str(tmp_path / name) for name in ("sub/a.pdf", "a.PNG", "case.tex")]
    assert (tmp_path / "sub" / "a.pdf").read_bytes() == render(trace, recipe, "pdf")
    assert (tmp_path / "a.PNG").read_bytes() == render(trace, recipe, "png")
    assert r"\includegraphics[width=84mm]{case}" in (tmp_path / "case.tex").read_text()


def test_the_command_says_where_the_map_comes_from(command, run_file, folders, tmp_path):
    code, _, err = command(
        "figure", "--trace", run_file, "--panels", "map", "--models", folders["llama"], "--out", tmp_path / "a.txt"
    )
    assert code == 0 and "PCA of its own runs" in err
    assert "PCA" in (tmp_path / "a.txt").read_text()


@pytest.mark.parametrize(("name", "fits"), [("llama", True), ("gpt2", False)])
def test_a_map_of_other_weights_is_passed_over(command, run_file, folders, tmp_path, name, fits):
    """Both sets have a map of their own weights; the trace is one of the first."""
    folder = shutil.copytree(folders[name], tmp_path / "set")
    held, states = ModelFolder(folder), np.random.default_rng(0).normal(size=(40, 32))
    identity = {"members": held.weights(*held.thinkers())}
    fit_background(states, own_labels([4] * 10, [False] * 10), identity, maps=("PCA",)).save(folder / "background.npz")
    argv = ["--panels", "map", "--map", "PCA", "--models", folder, "--out", tmp_path / "a.txt"]
    code, _, err = command("figure", "--trace", run_file, *argv)
    assert code == 0 and ("PCA of its own runs" not in err) == fits
    assert ("of this problem's own runs" not in (tmp_path / "a.txt").read_text()) == fits


def test_the_command_computes_the_plane_it_needs(command, run_file, folders, tmp_path, monkeypatch, trace, opened):
    import lrr_core.studies.measure_planes
    from lrr_core.studies.measure_planes import problem_plane

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    asked = []

    def small(models, problem, config, names, progress):
        asked.append(problem.id)
        return problem_plane(models, problem, config, names, (0.0, 0.5), (0.0, 0.25), progress)

    monkeypatch.setattr(lrr_core.studies.measure_planes, "problem_plane", small)
    argv = [
        "figure",
        "--trace",
        run_file,
        "--panels",
        "regimes",
        "--models",
        folders["llama"],
        "--out",
        tmp_path / "a.svg",
    ]
    code, _, err = command(*argv)
    assert code == 0 and "running it at every setting" in err and asked == [trace.problem.id]
    first = (tmp_path / "a.svg").read_bytes()
    assert b"residual mix" in first
    assert command(*argv)[0] == 0 and asked == [trace.problem.id]  # the second time it is kept
    assert (tmp_path / "a.svg").read_bytes() == first
    other = [*argv[:-3], folders["gpt2"], *argv[-2:]]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    code, _, err = command(*other)
    assert code == 0 and "other weights" in err and b"No plane of this problem" in (tmp_path / "a.svg").read_bytes()
    assert file_name(trace.problem.id, "next") not in os.listdir(ROOT / "assets" / "regimes")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--out", "a.pdf"], "either a run by --trace FILE or a report by --gallery FILE"),
        (["--trace", "RUN", "--gallery", "x.json", "--out", "a.pdf"], "either a run"),
        (["--trace", "RUN"], "at least one --out FILE"),
        (["--trace", "RUN", "--out", "a.docx"], "use one of .pdf, .svg, .png, .html, .gif, .webp, .tex, .bib, .txt"),
        (["--trace", "RUN", "--out", "a"], "no ending that names a format"),
        (["--trace", "RUN", "--out", "a.pdf", "--panels", "map,nap"], "No panel called nap"),
        (["--trace", "RUN", "--out", "a.pdf", "--size", "huge"], "No size called 'huge'"),
        (["--trace", "RUN", "--out", "a.pdf", "--thought", "9"], "thought must lie between 1 and 2"),
        (["--trace", "RUN", "--out", "a.pdf", "--dpi", "5"], "dpi must be a whole number between 50 and 1200"),
        (["--trace", "absent.npz", "--out", "a.pdf"], "There is no trace at absent.npz"),
        (["--trace", "RUN", "--out", "a.pdf", "--recipe", "absent.json"], "absent.json"),
        (["--gallery", "absent.json", "--out", "x"], "There is no report at absent.json"),
        (["--gallery", "absent.json", "--out", "x", "--top", "0"], "--top must be 1 or more"),
        (["--gallery", "absent.json", "--out", "x", "--formats", "doc"], "No format called 'doc'"),
    ],
)
def test_bad_input_ends_with_one_line(command, run_file, folders, argv, words):
    argv = [str(run_file) if a == "RUN" else a for a in argv]
    code, out, err = command("figure", *argv, "--models", folders["llama"])
    assert code == 2 and out == "" and words in err and err.count("\n") == 1


def test_a_bad_recipe_file_is_named(command, run_file, tmp_path):
    for text, words in (
        ("{", "is not a recipe"),
        ("[1]", "holds a list"),
        ('{"pannels": []}', "Unknown setting pannels"),
    ):
        (tmp_path / "r.json").write_text(text)
        code, _, err = command(
            "figure", "--trace", run_file, "--recipe", tmp_path / "r.json", "--out", tmp_path / "a.pdf"
        )
        assert code == 2 and words in err


def test_an_unknown_format_is_refused(trace):
    with pytest.raises(RecipeError, match="No format called 'eps'; choose one of pdf, svg"):
        render(trace, RECIPE, "eps")


def test_a_gallery_is_a_figure_per_case_and_an_index(command, opened, folders, problems, tmp_path):
    from lrr_core.evaluation.evaluate import evaluate
    from lrr_core.evaluation.report import to_json

    labels = ["coconut", "full", "random_direction"]
    report = evaluate(opened["llama"], problems, labels, CONFIG)
    (tmp_path / "report.json").write_text(to_json(report))
    argv = [
        "--gallery",
        tmp_path / "report.json",
        "--top",
        2,
        "--out",
        tmp_path / "cases",
        "--formats",
        "svg,txt",
        "--panels",
        "margin,text",
    ]
    code, out, err = command("figure", *argv, "--models", folders["llama"])
    assert code == 0, err
    rows = list(csv.DictReader((tmp_path / "cases" / "index.csv").open()))
    assert len(rows) == 2 and "turned right" in err and "random push" in err
    changes = [abs(float(row["change"])) for row in rows]
    assert changes == sorted(changes, reverse=True)
    for row in rows:
        assert (tmp_path / "cases" / row["figure"]).read_bytes().startswith(b"<?xml")
        assert row["typical"] in (tmp_path / "cases" / row["figure"]).with_suffix(".txt").read_text()
    assert len(out.split()) == 2 * 2 + 1
