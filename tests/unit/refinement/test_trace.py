"""Records: settings that are refused, and a file that appears whole or not at all and comes back bit for bit."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from lrr_core.benchmarks.catalogue import BENCHMARKS, from_text
from lrr_core.refinement.methods import METHODS
from lrr_core.refinement.trace import ConfigError, RefineConfig, Run, Trace

TEXT = "Davis is a shumpus. Tom is a terpus. Every terpus is a lempus. Every shumpus is a scrompus. Is Tom a lempus or scrompus?"
T, K, D, C, N, TOP = 3, 2, 4, 2, 6, 5


def make_run(draws=0, rounds=K, **settings) -> Run:
    rng = np.random.default_rng(draws)

    def draw(*shape):
        return rng.normal(size=shape).astype(np.float32)

    return Run(
        config=RefineConfig(rounds=max(rounds, 1), thoughts=T, **settings),
        proposed=draw(T, D), states=draw(T, rounds + 1, D), strong=draw(T, rounds, D), weak=draw(T, rounds, D),
        objective=draw(T, rounds), top_ids=rng.integers(0, 60, (T, rounds + 1, TOP)), top_p=draw(T, rounds + 1, TOP),
        node_p=draw(T, rounds + 1, N), readout=draw(T, C), scores=draw(C),
        text="lempus", text_tokens=1, cost={"prefill": 1, "single": 3},
    )  # fmt: skip


@pytest.fixture
def trace():
    problem = from_text("prosqa", TEXT)
    others = tuple(BENCHMARKS["prosqa"].generate("balanced", 2, 1, (8, 8), (2, 2)))
    runs = {"plain": make_run(1, 0, method="coconut"), "refined": make_run(2, step_size=0.7, seed=3)}
    identity = {"set": "tiny", "members": {"backbone": "ab"}, "dtype": "float32"}
    return Trace(problem, RefineConfig(thoughts=T), runs, identity, {7: "lempus", 9: ";"}, problem.graph.names, others)


def test_a_saved_trace_comes_back_bit_for_bit(trace, tmp_path):
    back = Trace.load(trace.save(tmp_path / "new folder" / "a.npz"))
    for name in ("problem", "config", "identity", "tokens", "watched", "lenders"):
        assert getattr(back, name) == getattr(trace, name), name
    assert list(back.runs) == list(trace.runs)
    for name, run in trace.runs.items():
        other = back.runs[name]
        for array in Run.ARRAYS:
            a, b = getattr(run, array), getattr(other, array)
            assert a.dtype == b.dtype and np.array_equal(a, b), (name, array)
        assert (run.config, run.text, run.text_tokens, run.cost) == (
            other.config,
            other.text,
            other.text_tokens,
            other.cost,
        )


def test_a_problem_without_graph_or_known_answer_comes_back_too(trace, tmp_path):
    plain = replace(trace, problem=replace(trace.problem, graph=None, answer=None), watched=(), lenders=())
    back = Trace.load(plain.save(tmp_path / "a.npz"))
    assert (back.problem, back.watched, back.lenders) == (plain.problem, (), ())


def test_the_file_holds_no_pickle(trace, tmp_path):
    with np.load(trace.save(tmp_path / "a.npz"), allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)
        assert json.loads(str(file["meta"]))["config"] == asdict(trace.config)


@pytest.mark.parametrize("before", [None, b"what was there"])
def test_a_save_that_fails_leaves_what_was_there(trace, tmp_path, monkeypatch, before):
    path = tmp_path / "a.npz"
    if before:
        path.write_bytes(before)

    def broken(file, **arrays):
        file.write(b"half a tr")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez_compressed", broken)
    with pytest.raises(OSError, match="No space left"):
        trace.save(path)
    assert [p.name for p in tmp_path.iterdir()] == (["a.npz"] if before else [])
    assert not before or path.read_bytes() == before


def test_a_truncated_file_is_refused(trace, tmp_path):
    whole = trace.save(tmp_path / "a.npz").read_bytes()
    for size in range(0, len(whole), len(whole) // 40):
        (tmp_path / "b.npz").write_bytes(whole[:size])
        with pytest.raises(ConfigError, match=r"b\.npz is not a complete trace"):
            Trace.load(tmp_path / "b.npz")


def test_a_damaged_file_is_refused_or_read_but_never_crashes(trace, tmp_path):
    whole = trace.save(tmp_path / "a.npz").read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= int(rng.integers(1, 256))
        (tmp_path / "b.npz").write_bytes(damaged)
        try:
            Trace.load(tmp_path / "b.npz")
        except ConfigError:
            refused += 1
    assert refused > 100


def test_foreign_files_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.savez(tmp_path / "list.npz", meta=np.array("[1, 2]"))
    (tmp_path / "text.npz").write_text("not a trace")
    for name in ("other.npz", "array.npy", "list.npz", "text.npz"):
        with pytest.raises(ConfigError, match=rf"{name} is not a complete trace \(.+\); write one with"):
            Trace.load(tmp_path / name)
    with pytest.raises(ConfigError, match=r"There is no trace at .*missing\.npz; make one with"):
        Trace.load(tmp_path / "missing.npz")


def altered(trace, folder, change):
    """The trace's file with its JSON changed by `change`."""
    with np.load(trace.save(folder / "a.npz")) as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(str(arrays.pop("meta")))
    change(meta)
    np.savez(folder / "b.npz", meta=np.array(json.dumps(meta)), **arrays)
    return folder / "b.npz"


def test_another_format_is_refused_by_its_number(trace, tmp_path):
    with pytest.raises(ConfigError, match="is a trace of format 99; this version reads 1"):
        Trace.load(altered(trace, tmp_path, lambda meta: meta.update(format=99)))


def test_a_trace_that_lacks_a_part_is_refused(trace, tmp_path):
    for part in ("problem", "config", "identity", "tokens", "watched", "others", "runs"):
        with pytest.raises(ConfigError, match=rf"is not a complete trace \('{part}'\)"):
            Trace.load(altered(trace, tmp_path, lambda meta, part=part: meta.pop(part)))


def test_a_trace_with_an_unknown_setting_is_refused_by_its_name(trace, tmp_path):
    with pytest.raises(ConfigError, match="Unknown setting temperature"):
        Trace.load(altered(trace, tmp_path, lambda meta: meta["config"].update(temperature=1)))


# --- settings ---------------------------------------------------------------------------------------------------------


def test_unknown_settings_are_refused_and_the_known_ones_listed():
    with pytest.raises(ConfigError, match=r"Unknown setting alpha, eta; known: gradient, method, momentum, .*thoughts"):
        RefineConfig.from_dict({"eta": 1, "alpha": 2, "rounds": 1})
    config = RefineConfig(method="swapped", momentum=0.5, seed=4)
    assert RefineConfig.from_dict(asdict(config)) == config


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("step_size", 0, 1e6), ("residual", 0, 1), ("rounds", 1, 64), ("thoughts", 0, 256), ("momentum", 0, 0.999)],
)
def test_settings_keep_to_their_range(name, low, high):
    assert getattr(RefineConfig(**{name: low}), name) == low
    assert getattr(RefineConfig(**{name: high}), name) == high
    for bad in (low - 1, high + 1, float("nan"), float("inf"), "1", None):
        with pytest.raises(ConfigError, match=rf"{name} must lie between {low} and .*, not {bad!r}"):
            RefineConfig(**{name: bad})


@pytest.mark.parametrize("name", ["rounds", "thoughts", "seed"])
def test_counts_are_whole_numbers(name):
    with pytest.raises(ConfigError, match=f"{name} must be a whole number, not 2.5"):
        RefineConfig(**{name: 2.5})


@pytest.mark.parametrize("name", ["method", "reference", "sign", "gradient"])
def test_a_bad_choice_lists_the_good_ones(name):
    with pytest.raises(ConfigError, match=f"No {name} called 'nonsense'; choose one of "):
        RefineConfig(**{name: "nonsense"})


def test_every_method_and_control_is_a_setting():
    for method in METHODS:
        assert RefineConfig(method=method).method == method


def test_eta_is_the_step_size_times_half_the_width():
    assert RefineConfig(step_size=0.2).eta(768) == pytest.approx(76.8)


# --- shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", Run.ARRAYS)
def test_arrays_that_do_not_fit_together_are_refused(name):
    run = make_run()
    for axis in range(getattr(run, name).ndim):
        if (name, axis) in {("node_p", 2), ("top_p", 2), ("top_ids", 2)}:
            continue  # these lengths are the record's own
        with pytest.raises(ValueError, match=r"has shape|do not fit"):
            replace(run, **{name: np.repeat(getattr(run, name), 2, axis)})


def test_a_run_answers_with_its_best_scored_candidate_and_feeds_its_last_round():
    run = replace(make_run(), scores=np.array([-2.0, -1.0], np.float32))
    assert run.choice == 1
    assert np.array_equal(run.thoughts, run.states[:, K])
