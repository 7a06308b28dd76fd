"""The bundle: the same bytes every time, everything comes back, and every other zip is refused with its reason."""

import hashlib
import io
import json
import stat
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from lrr_core.analysis.summary import trace_bytes
from lrr_core.refinement.trace import RefineConfig, Run, Trace
from lrr_core.refinement.tracing import refine_problem
from lrr_core.studio import archive
from lrr_core.studio.archive import ArchiveError, Limits, entries, pack
from lrr_core.studio.bundle import MANIFEST, BundleError, make_bundle, open_bundle, view
from lrr_core.studio.checked import TRACE, open_trace
from lrr_core.studio.recipe import Recipe

RECIPE = Recipe(panels=("distances", "text"), size="one-column", title="A case", caption="In words: 50 % ± 3.")
FIGURES = {"pdf": b"%PDF-1.4 invented", "png": b"\x89PNG invented"}
TABLES = {"distances": "run,thought,value\nplain,1,2.5\n"}
LINK, TYPICAL = "?v=1&problem=1-small-0", "One of 2 problems of 6 that refinement turned right."


@pytest.fixture(scope="module")
def trace(opened, problems) -> Trace:
    return refine_problem(opened["llama"], problems[0], RefineConfig(thoughts=3, rounds=2, step_size=0.5))


@pytest.fixture(scope="module")
def data(trace) -> bytes:
    return make_bundle(trace, RECIPE, FIGURES, TABLES, LINK, TYPICAL, {"caption.txt": b"words"})


def same_run(a: Run, b: Run) -> bool:
    arrays = all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=True) for n in Run.ARRAYS)
    return arrays and (a.config, a.text, a.text_tokens, a.cost) == (b.config, b.text, b.text_tokens, b.cost)


# --- round trip -------------------------------------------------------------------------------------------------------


def test_everything_comes_back(trace, data):
    bundle = open_bundle(data)
    assert (bundle.recipe, bundle.link, bundle.typical, bundle.figures) == (RECIPE, LINK, TYPICAL, FIGURES)
    assert (bundle.trace.problem, bundle.trace.config, bundle.trace.identity) == (
        trace.problem,
        trace.config,
        trace.identity,
    )
    assert bundle.trace.runs.keys() == trace.runs.keys()
    assert all(same_run(trace.runs[name], bundle.trace.runs[name]) for name in trace.runs)
    assert bundle.files["data/distances.csv"] == TABLES["distances"].encode()
    assert bundle.files["caption.txt"] == b"words"


def test_the_same_input_gives_the_same_bytes_and_any_other_does_not(trace, data):
    again = make_bundle(
        trace, RECIPE, dict(reversed(FIGURES.items())), TABLES, LINK, TYPICAL, {"caption.txt": b"words"}
    )
    assert (
        again
        == data
        == make_bundle(open_bundle(data).trace, RECIPE, FIGURES, TABLES, LINK, TYPICAL, {"caption.txt": b"words"})
    )
    assert (
        make_bundle(trace, replace(RECIPE, dpi=301), FIGURES, TABLES, LINK, TYPICAL, {"caption.txt": b"words"}) != data
    )
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.namelist() == sorted(file.namelist())
        assert {info.date_time for info in file.infolist()} == {archive.TIME}


def test_the_manifest_says_what_made_it_and_hashes_every_other_file(trace, data):
    files = entries(data)
    manifest = json.loads(files.pop(MANIFEST))
    assert manifest["files"].keys() == files.keys()
    for name, content in files.items():
        assert manifest["files"][name] == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    assert manifest["weights"] == trace.identity["members"] and len(manifest["weights"]["strong"]) == 64
    assert manifest["settings"]["step_size"] == 0.5 and manifest["settings"]["backbone"] == "backbone"
    assert manifest["seeds"] == {"run": 0}
    assert {"lrr_core", "numpy", "matplotlib", "torch", "transformers", "python"} <= manifest["versions"].keys()


def test_the_readme_tells_a_stranger_what_it_is_and_how_to_run_it_again(data):
    words = open_bundle(data).files["README.txt"].decode()
    for said in ("python -m lrr_core replay bundle.zip", TYPICAL, LINK, "figure.pdf", "trace.npz", "s = 0.5"):
        assert said in words


def test_the_json_for_reading_has_the_numbers_of_the_run(trace):
    from lrr_core.analysis.curves import curves

    shown = json.loads(json.dumps(view(trace), allow_nan=False))
    refined, c = shown["runs"]["refined"], curves(trace, "refined")
    assert refined["curves"]["margin"] == pytest.approx(c.margin.tolist(), rel=1e-5)
    assert refined["curves"]["step_change"][0] is None  # there is no thought before the first
    assert refined["curves"]["to_strong"] == pytest.approx(c.to_strong[:, -1].tolist(), rel=1e-5)
    assert (refined["thoughts"], refined["rounds"], refined["decoded"]) == (3, 2, trace.runs["refined"].text)


# --- refusals ---------------------------------------------------------------------------------------------------------


def zipped(*files: tuple[str, bytes], change=lambda info: None) -> bytes:
    """A zip as a stranger writes it; change: of the first entry's record."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for i, (name, content) in enumerate(files):
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if not i:
                change(info)
            file.writestr(info, content)
    return out.getvalue()


def flagged(data: bytes, bit: int) -> bytes:
    """The same zip with a flag of its first entry set, in the entry and in the directory."""
    data = bytearray(data)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(mark) + at
        (flags,) = struct.unpack_from("<H", data, place)
        struct.pack_into("<H", data, place, flags | bit)
    return bytes(data)


def link(info):
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16


def foreign(**files) -> bytes:
    return zipped(*((name.replace("__", "."), content) for name, content in files.items()))


def twice() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return zipped(("a.txt", b"1"), ("a.txt", b"2"))


ATTACKS = {
    "no zip": (lambda: b"GIF89a and so on", "no zip file"),
    "nothing": (lambda: b"", "no zip file"),
    "an empty zip": (lambda: zipped(), "empty"),
    "rubbish that begins like a zip": (lambda: b"PK\x03\x04" + bytes(200), "damaged or cut off"),
    "a way up": (lambda: zipped(("../../etc/passwd", b"x")), "climbs out"),
    "a way up with backslashes": (lambda: zipped(("a\\..\\b", b"x")), "climbs out"),
    "a way up in the middle": (lambda: zipped(("data/../../x", b"x")), "climbs out"),
    "an absolute path": (lambda: zipped(("/etc/passwd", b"x")), "absolute path"),
    "a drive": (lambda: zipped(("C:/x", b"x")), "absolute path"),
    "a network share": (lambda: zipped(("\\\\host\\x", b"x")), "absolute path"),
    "a symbolic link": (lambda: zipped(("figure.pdf", b"/etc/passwd"), change=link), "symbolic link"),
    "a folder": (lambda: zipped(("data/", b"")), "no plain file"),
    "an unprintable name": (lambda: zipped(("a\nb", b"x")), "no such name"),
    "a name of another alphabet": (lambda: zipped(("figure\u202egnp.exe", b"x")), "no such name"),
    "one name twice": (twice, "twice"),
    "one name in two spellings": (lambda: zipped(("README.txt", b"1"), ("readme.TXT", b"2")), "twice"),
    "a password": (lambda: flagged(zipped(("a.txt", b"x")), 1), "without a password"),
    "a bomb": (lambda: zipped(("data/map.csv", bytes(8 << 20))), "taken for a bomb"),
    "too many files": (lambda: zipped(*((f"{i}.txt", b"") for i in range(201))), "at most 200"),
    "another compression": (
        lambda: zipped(("a.txt", b"x"), change=lambda i: setattr(i, "compress_type", zipfile.ZIP_LZMA)),
        "only deflate",
    ),
    "a zip of something else": (lambda: foreign(a__txt=b"x"), "no manifest.json"),
    "another program's manifest": (lambda: foreign(manifest__json=b'{"kind": "app"}'), "another program's"),
    "a manifest that is a list": (lambda: foreign(manifest__json=b"[]"), "another program's"),
    "a manifest that is no JSON": (lambda: foreign(manifest__json=b"{"), "not valid JSON"),
    "a manifest without bottom": (lambda: foreign(manifest__json=b"[" * 100_000), "not valid JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_a_zip_that_is_no_bundle_is_refused_with_its_reason(name):
    make, reason = ATTACKS[name]
    with pytest.raises(BundleError, match=reason):
        open_bundle(make())


def test_sizes_are_bounded_before_anything_is_unpacked(data):
    for limits, reason in (
        (Limits(packed=1000), "at most 1,000 bytes are read"),
        (Limits(entry=1000), "at most 1,000 bytes are read"),
        (Limits(total=5000), "unpacks to more than 5,000 bytes"),
        (Limits(count=3), "at most 3 are read"),
    ):
        with pytest.raises(ArchiveError, match=reason):
            entries(data, limits)


def test_an_entry_that_lies_about_its_size_is_not_read_beyond_it():
    honest = zipped(("a.txt", b"0123456789" * 50))
    lying = honest.replace(struct.pack("<I", 500), struct.pack("<I", 20))
    assert lying != honest
    with pytest.raises(ArchiveError, match=r"damaged|zip says"):
        entries(lying)


def test_a_bundle_that_is_cut_off_or_altered_anywhere_is_refused_and_never_a_traceback(data):
    rng = np.random.default_rng(0)
    for at in rng.integers(1, len(data), 60):
        with pytest.raises(BundleError):
            open_bundle(data[: int(at)])
    altered = 0
    for at in rng.integers(0, len(data), 300):
        try:
            open_bundle(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        except BundleError:
            altered += 1
    assert altered > 270  # what is left are bytes of the zip that mean nothing: times, rights, names said twice


def rebuilt(data: bytes, manifest_too: bool = True, **changes) -> bytes:
    """The bundle with files replaced (None: left out) and, as a forger would, the hashes put right."""
    files = entries(data)
    for name, content in changes.items():
        name = name.replace("__", ".").replace("_S_", "/")
        files.pop(name, None)
        if content is not None:
            files[name] = content
    if manifest_too:
        manifest = json.loads(files.pop(MANIFEST))
        listed = {n: {"sha256": hashlib.sha256(c).hexdigest(), "bytes": len(c)} for n, c in files.items()}
        files[MANIFEST] = json.dumps(manifest | {"files": listed}).encode()
    return pack(files)


def test_every_file_must_be_the_one_the_manifest_was_written_for(data):
    for changes, reason in (
        ({"figure__pdf": b"%PDF other"}, "figure.pdf is not the file"),
        ({"figure__pdf": None}, "lacks figure.pdf"),
        ({"more__txt": b"x"}, "holds more.txt, which its manifest does not list"),
    ):
        with pytest.raises(BundleError, match=reason):
            open_bundle(rebuilt(data, manifest_too=False, **changes))


def test_a_forged_bundle_is_refused_for_what_is_in_it(data):
    nested = zipped(("a.txt", b"x"))
    for changes, reason in (
        ({"inner__zip": nested}, "zip within the zip"),
        ({"figure__pdf": nested}, "zip within the zip"),
        ({"recipe__json": None}, "lacks recipe.json"),
        ({"recipe__json": b'{"panels": ["map"], "colour": 1}'}, "Unknown setting colour"),
        ({"recipe__json": b'{"panels": 3}'}, "recipe of this bundle cannot be used"),
        ({"recipe__json": b"[]"}, "recipe of this bundle cannot be used"),
        ({"trace__npz": b"nothing"}, "no trace that can be read"),
        ({"trace__npz": nested}, "holds a.txt, which is no array"),
    ):
        with pytest.raises(BundleError, match=reason):
            open_bundle(rebuilt(data, **changes))
    manifest = json.loads(entries(data)[MANIFEST])
    for change, reason in (
        ({"format": 2}, "format 2; this version reads 1"),
        ({"extra": 1}, "unknown or missing keys .extra."),
        ({"link": 3}, "link in manifest.json must be a str"),
        ({"link": "x" * 9000}, "longer than 8000 letters"),
        ({"versions": {"torch": 2}}, "versions in manifest.json must be text"),
    ):
        with pytest.raises(BundleError, match=reason):
            open_bundle(pack(entries(data) | {MANIFEST: json.dumps(manifest | change).encode()}))


# --- traces of strangers ----------------------------------------------------------------------------------------------


def npz(**arrays) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def npy(header: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + content


def test_an_array_file_with_python_objects_is_refused_before_numpy_reads_it():
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    out = io.BytesIO()
    np.savez(out, meta=np.array([Trap()], dtype=object))
    with pytest.raises(BundleError, match=r"meta holds Python objects.*unpickled"):
        open_trace(out.getvalue())


META = {  # where in a trace's JSON: what a stranger may have put there
    ("identity",): [None, [], "x", 3],
    ("identity", "members"): [None, {"strong": 3}],
    ("problem", "benchmark"): [[], {}, "chess", None],
    ("problem", "renamed"): ["x", [["a"]], [["a", 3]]],
    ("problem", "candidates"): [["one"], [1, 2]],
    ("problem", "graph", "edges", 0): [[], [1], [1, 2, 3], "ab"],
    ("problem", "graph", "edges", 0, 1): [float("nan"), 1.0, True, 99, None],
    ("problem", "graph", "root"): [float("nan"), 1.5, -3, "x"],
    ("runs", "plain", "cost"): [float("nan"), {"probe": float("nan")}, {"probe": -1}, []],
    ("runs", "weak", "text"): [float("nan"), None, 3, "x" * 30_000],
    ("runs", "refined", "config", "method"): ["swapped", 3, []],
    ("watched", 0): [3, None],
}


@pytest.mark.parametrize("path", META, ids=lambda p: ".".join(map(str, p)))
def test_whatever_stands_in_a_traces_json_is_refused_in_words(trace, path):
    with np.load(io.BytesIO(trace_bytes(trace)), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files if name != "meta"}
        meta = str(file["meta"])
    for odd in META[path]:
        data = place = json.loads(meta)
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = odd
        with pytest.raises(BundleError):
            open_trace(npz(meta=np.array(json.dumps(data)), **arrays))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}", bytes(16)), "says 4000000000000 bytes"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-4,)}", bytes(16)), "says -16 bytes|damaged header"),
        (npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", bytes(8)), "Python objects"),
        (npy("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,)}", bytes(8)), "Python objects"),
        (npy("__import__('os').system('true')"), "damaged header"),
        (npy("{'descr': '<f4'}"), "damaged header"),
        (npy("{}", version=b"\x09\x00"), "unknown format|damaged header"),
        (b"no array at all", "damaged header"),
    ],
)  # fmt: skip
def test_a_damaged_array_header_is_refused(content, reason):
    with pytest.raises(BundleError, match=reason):
        open_trace(zipped(("meta.npy", content)))


def test_a_trace_comes_back_and_an_array_file_that_is_none_is_refused(trace):
    assert open_trace(trace_bytes(trace)).problem == trace.problem
    with pytest.raises(BundleError, match="no trace that can be read"):
        open_trace(npz(a=np.zeros(3)))
    with pytest.raises(BundleError, match=r"format None|not a complete trace"):
        open_trace(npz(meta=np.array("{}")))


def altered(trace: Trace, name: str = "refined", **changes) -> Trace:
    return replace(trace, runs=trace.runs | {name: replace(trace.runs[name], **changes)})


def test_a_trace_whose_parts_do_not_fit_together_is_refused_by_name(trace):
    refined, plain = trace.runs["refined"], trace.runs["plain"]
    broken = refined.states.copy()
    broken[1, 0, 0] = np.nan
    graph = trace.problem.graph
    for odd, reason in (
        (replace(trace, runs={n: r for n, r in trace.runs.items() if n != "weak"}), "needs the runs plain, strong, weak"),
        (altered(trace, states=broken), "states of the run refined holds values that are not finite"),
        (altered(trace, top_ids=refined.top_ids + 10_000), "refined names tokens that are not listed"),
        (altered(trace, scores=np.zeros(3, np.float32), readout=np.zeros((3, 3), np.float32)), r"scores \(3,\) candidates"),
        (altered(trace, "plain", node_p=plain.node_p[..., :2]), "plain watches other nodes"),
        (replace(trace, identity={}), "who made it"),
        (replace(trace, identity=trace.identity | {"members": {"strong": 3}}), "names no weights"),
        (replace(trace, watched=("a",)), "watches 1 nodes of a graph"),
        (replace(trace, problem=replace(trace.problem, graph=replace(graph, candidates=graph.candidates[:1]))), "other candidates"),
        (replace(trace, config=RefineConfig(method="swapped")), "settings are not its run's"),
        (replace(trace, runs=trace.runs | {"a/b": refined}), "run has a name that is none|not a complete"),
    ):  # fmt: skip
        with pytest.raises(BundleError, match=reason):
            open_trace(trace_bytes(odd))


def test_a_trace_altered_anywhere_is_refused_or_whole_and_never_a_traceback(trace):
    data, rng = trace_bytes(trace), np.random.default_rng(1)
    for at in rng.integers(0, len(data), 200):
        try:
            open_trace(data[:at] + bytes([data[at] ^ 0x2A]) + data[at + 1 :])
        except BundleError:
            continue


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(BundleError, match="There is no file"):
        open_bundle(tmp_path / "none.zip")
    (tmp_path / TRACE).write_bytes(b"x")
    with pytest.raises(BundleError, match="no zip file"):
        open_bundle(tmp_path / TRACE)
