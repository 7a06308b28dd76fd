"""The command line: results on stdout, progress on stderr, and one clear line with exit code 2 for bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lrr_core.__main__ import main
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.benchmarks.prosqa import to_record
from lrr_core.commands.options import DEFAULT_SET
from lrr_core.models.opened import ModelSet
from lrr_core.refinement.trace import Trace

ROOT = Path(__file__).parents[3]
TEXT = "Davis is a shumpus. Tom is a terpus. Every terpus is a lempus. Every shumpus is a scrompus. Is Tom a lempus or scrompus?"
SMALL = ["--generate", "balanced", "--nodes", "8-9", "--hops", "2"]
TINY = {
    "width": 16, "heads": 2, "mlp": 24, "batch": 2, "branches": 2, "stages": [[8, 9, 2, 2]],
    "steps": 4, "warmup": 2, "save_every": 2, "keep_every": 2, "log_every": 1, "seed": 3,
}  # fmt: skip


@pytest.fixture
def command(capsys):
    """Run a command in this process: (exit code, stdout, stderr)."""

    def go(*argv) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in argv])
        return (stop.value.code, *capsys.readouterr())

    return go


@pytest.fixture
def tiny(folders):
    return folders["llama"]


@pytest.fixture
def file(tmp_path, problems):
    """Three problems as a released file."""
    path = tmp_path / "three.json"
    path.write_text(json.dumps([to_record(p.graph) for p in problems]))
    return path


def a_real_run(*argv):
    """The command as a stranger starts it."""
    return subprocess.run(
        [sys.executable, "-m", "lrr_core", *map(str, argv)],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


# --- help -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("refine", "--models --benchmark --data --index --text --method --step-size --residual --rounds --thoughts "
                   "--reference --sign --gradient --momentum --backbone --strong --weak --seed --out"),
        ("evaluate", "--models --benchmark --data --generate --nodes --hops --limit --seed --methods --reference "
                     "--batch-size --step-size --residual --rounds --thoughts --backbone --strong --weak --out"),
        ("train", "--config --out --resume"),
        ("assemble", "--run --out --cot --no-cot --rungs"),
        ("sweep", "--models --nodes --hops --limit --seed --out"),
        ("map", "--models"),
        ("bench", "--models"),
    ],
)  # fmt: skip
def test_every_command_explains_itself(command, name, options, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    code, out, err = command(name, "--help")
    assert code == 0 and err == ""
    # an option, its kind, and words about it
    described = [line.replace("│", " ").lstrip(" *").split() for line in out.splitlines()]
    for option in options.split():
        assert any(words[:1] == [option] and len(words) > 3 for words in described), option
    assert str(ROOT) not in out  # no path of the machine it was made on


def test_the_list_of_commands_names_them_all(command):
    code, out, _ = command("--help")
    assert code == 0
    for name in ("refine", "evaluate", "train", "assemble", "sweep", "map", "bench"):
        assert f" {name} " in out
    assert command()[:2] == (2, out)  # nothing asked for: the same list, but not a success


# --- refine -----------------------------------------------------------------------------------------------------------


def test_refine_prints_a_summary_and_writes_a_trace(command, tiny, tmp_path):
    out = tmp_path / "new" / "t.npz"
    settings = [
        "--step-size",
        0.3,
        "--residual",
        0.2,
        "--rounds",
        2,
        "--thoughts",
        3,
        "--reference",
        "same",
        "--seed",
        5,
    ]
    code, stdout, stderr = command("refine", "--models", tiny, "--text", TEXT, *settings, "--out", out)
    assert (code, stderr) == (0, "")
    summary, trace = json.loads(stdout), Trace.load(out)
    assert summary["question"] == trace.problem.question == TEXT
    assert summary["answer"] == "lempus" and summary["out"] == str(out)
    c = trace.config
    assert (c.method, c.step_size, c.residual, c.rounds, c.thoughts, c.reference, c.seed) == (
        ("full", 0.3, 0.2, 2, 3, "same", 5)
    )
    assert summary["eta"] == pytest.approx(0.3 * 32 / 2)  # η = s D/2
    assert set(summary["runs"]) == set(trace.runs) >= {"plain", "refined", "strong", "weak"}
    for name, run in trace.runs.items():
        shown = summary["runs"][name]
        assert shown["answer"] == trace.problem.candidates[run.choice] and shown["forwards"] == run.cost
        assert len(shown["margin_after_thought"]) == 3


def test_refine_takes_a_problem_of_a_file_by_its_index(command, tiny, file, problems):
    code, stdout, _ = command("refine", "--models", tiny, "--data", file, "--index", 2, "--method", "residual")
    assert code == 0
    assert json.loads(stdout)["question"] == problems[2].question
    assert json.loads(stdout)["out"] is None


def test_without_a_set_given_the_shipped_one_answers():
    done = a_real_run("refine", "--text", TEXT)
    assert done.returncode == 0 and done.stderr.startswith("note: backbone and strong are the same weights")
    assert "--backbone ladder/06-step-02600" in done.stderr and len(done.stderr.splitlines()) == 1
    summary = json.loads(done.stdout)  # and nothing else is on stdout
    assert summary["runs"]["refined"]["answer"] in ("lempus", "scrompus")


def test_the_shipped_set_opens_and_its_weights_are_those_it_records():
    models = ModelSet(DEFAULT_SET, device="cpu")
    assert models.info.opens_with in models.members
    for name, recorded in models.info.weights.items():
        assert models.hash(name) == recorded, name
    assert models.tied


# --- evaluate ---------------------------------------------------------------------------------------------------------


def test_evaluate_prints_the_report_as_json_and_the_table_beside_it(command, tiny):
    code, out, err = command("evaluate", "--models", tiny, *SMALL, "--limit", 3, "--methods", "coconut, full,coconut")
    assert code == 0
    data = json.loads(out)
    assert list(data["methods"]) == ["coconut", "full"] and data["n"] == 3
    assert data["source"] == {"data": None, "generate": "balanced", "nodes": "8-9", "hops": "2", "seed": 0}
    assert "prosqa, n = 3; chance 50.0 %" in err


def test_progress_without_a_terminal_is_a_line_a_tenth(command, tiny):
    _, _, err = command(
        "evaluate", "--models", tiny, *SMALL, "--limit", 5, "--batch-size", 1, "--methods", "coconut,full"
    )
    assert "\r" not in err and "it/s" not in err and "%|" not in err
    assert err.splitlines()[:10] == [f"{done} of 10 answers" for done in range(1, 11)]


def test_evaluate_writes_the_report_and_prints_where(command, tiny, file, tmp_path):
    out = tmp_path / "new" / "report.json"
    code, stdout, _ = command("evaluate", "--models", tiny, "--data", file, "--methods", "coconut", "--out", out)
    assert (code, stdout) == (0, f"{out}\n")
    data = json.loads(out.read_text())
    assert data["n"] == 3 and data["source"]["data"] == "three.json"
    assert [p["id"] for p in data["problems"]] == ["three-0", "three-1", "three-2"]


def test_the_limit_takes_the_first_of_a_file_and_zero_takes_all(command, tiny, file):
    for limit, n in ((2, 2), (0, 3)):
        _, out, _ = command("evaluate", "--models", tiny, "--data", file, "--methods", "coconut", "--limit", limit)
        assert json.loads(out)["n"] == n


# --- train ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(TINY))
    return path


def test_train_writes_a_run_and_resumes_it(command, config, tmp_path):
    out = tmp_path / "run"
    code, stdout, stderr = command("train", "--config", config, "--out", out)
    assert (code, stdout) == (0, f"{out / 'last'}\n")
    assert "step 4/4" in stderr
    assert json.loads((out / "last" / "progress.json").read_text())["step"] == 4
    assert sorted(p.name for p in (out / "steps").iterdir()) == ["000002", "000004"]

    config.write_text(json.dumps(TINY | {"steps": 6}))
    code, _, stderr = command("train", "--config", config, "--out", out, "--resume")
    assert code == 0 and "resumed at step 4" in stderr and "step 6/6" in stderr
    assert json.loads((out / "last" / "progress.json").read_text())["step"] == 6
    assert [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()] == [1, 2, 3, 4, 5, 6]


def test_resuming_without_a_configuration_keeps_the_runs_own(command, config, tmp_path):
    out = tmp_path / "run"
    command("train", "--config", config, "--out", out)
    before = json.loads((out / "config.json").read_text())
    code, _, stderr = command("train", "--out", out, "--resume")
    assert code == 0 and "resumed at step 4" in stderr
    assert json.loads((out / "config.json").read_text()) == before


def test_a_second_run_in_the_same_folder_is_refused(command, config, tmp_path):
    out = tmp_path / "run"
    command("train", "--config", config, "--out", out)
    weights = (out / "last" / "model.safetensors").read_bytes()
    is_one_line(command("train", "--config", config, "--out", out), "already holds a run; add --resume")
    assert (out / "last" / "model.safetensors").read_bytes() == weights


# --- bad input --------------------------------------------------------------------------------------------------------


def is_one_line(result, *words):
    code, out, err = result
    assert code == 2 and out == ""
    assert err.startswith("Error: ") and err.endswith("\n") and err.count("\n") == 1, err
    assert "Traceback" not in err
    for word in words:
        assert word in err, err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("refine --models TINY", "--data FILE --text"),
        ("refine --models TINY --data FILE --text hello", "either"),
        ("refine --models TINY --data /no/such/file.json", "/no/such/file.json cannot be read"),
        ("refine --models TINY --data FILE --index 3", "--index between 0 and 2 not 3"),
        ("refine --models TINY --data FILE --index -1", "between 0 and 2"),
        ("refine --models TINY --data BROKEN", "broken.json line 2 broken JSON"),
        ("refine --models TINY --text nonsense", "not understood nonsense"),
        ("refine --models TINY --data FILE --method magic", "'magic' coconut, residual, contrast, full"),
        ("refine --models TINY --data FILE --benchmark chess", "'chess' prosqa"),
        ("refine --models TINY --data FILE --strong nobody", "'nobody' backbone, strong, weak"),
        ("refine --models TINY --data FILE --residual 1.5", "residual between 0 and 1 1.5"),
        ("refine --models TINY --data FILE --rounds 0", "rounds between 1"),
        ("refine --models TINY --data FILE --thoughts 250", "positions fewer thoughts"),
        ("refine --models TINY --data FILE --reference past", "'past' next, same"),
        ("refine --models TINY --data FILE --step-size much", "--step-size number `python -m lrr_core refine --help`"),
        ("refine --models TINY --data FILE --device abacus", "abacus"),
        ("refine --models TINY --data FILE --dtype float7", "float7 float32"),
        ("refine --models /no/such/set --data FILE", "/no/such/set model_set.json"),
        ("refine --models EMPTY --data FILE", "model_set.json is not valid JSON"),
        ("refine --nonsense", "No such option: --nonsense `python -m lrr_core refine --help`"),
        ("evaluate --models TINY", "--data FILE --generate balanced|released"),
        ("evaluate --models TINY --generate unfair", "'unfair' balanced, released"),
        ("evaluate --models TINY --generate balanced --hops 6-3", "--hops smaller to a larger '6-3'"),
        ("evaluate --models TINY --generate balanced --hops few", "--hops number or a range 'few'"),
        ("evaluate --models TINY --generate balanced --hops 0", "--hops positive"),
        ("evaluate --models TINY --generate balanced --nodes 5 --hops 6", "6 hops at least 14 nodes"),
        ("evaluate --models TINY --data FILE --methods coconut,magic", "magic choose from no_cot"),
        ("evaluate --models TINY --data FILE --methods cot", "checkpoint 'cot'"),
        ("evaluate --models TINY --data FILE --methods ,", "No method was named"),
        ("evaluate --models TINY --data FILE --batch-size 0", "--batch-size 1 or more"),
        ("evaluate --models TINY --data FILE --limit -1", "--limit"),
        ("evaluate --models TINY --data FILE --benchmark chess", "'chess' prosqa"),
        ("train --config /no/such/config.json --out NEW", "no training configuration at /no/such/config.json"),
        ("train --config BROKEN --out NEW", "broken.json is not JSON"),
        ("train --config UNKNOWN --out NEW", "Unknown key colour width"),
        ("train --config TYPES --out NEW", "width whole number 'wide'"),
        ("train --config STAGES --out NEW", "stages smallest graph"),
        ("train --config LIST --out NEW", "JSON object"),
        ("train --config EMPTY --out NEW", "empty directory"),
        ("train --config PLAIN --out FILE", "three.json exists"),
        ("assemble --run NEW --out NEWER", "There is no training at"),
        ("assemble --out NEWER", "--run `python -m lrr_core assemble --help`"),
        ("sweep --models TINY --hops 3-2", "--hops"),
        ("ponder", "No such command 'ponder' `python -m lrr_core --help`"),
    ],
)  # fmt: skip
def test_bad_input_ends_with_one_line_that_names_it(command, tiny, file, tmp_path, argv, words):
    (tmp_path / "empty").mkdir()
    texts = {
        "BROKEN": ("broken.json", '[{"question": "x"},\n{"question":'),
        "EMPTY": ("empty/model_set.json", ""),
        "UNKNOWN": ("unknown.json", '{"colour": 1}'),
        "TYPES": ("types.json", '{"width": "wide"}'),
        "STAGES": ("stages.json", '{"stages": [[3, 9, 2]]}'),
        "LIST": ("list.json", "[1, 2]"),
        "PLAIN": ("plain.json", "{}"),
    }
    places = {"TINY": tiny, "FILE": file, "NEW": tmp_path / "new", "NEWER": tmp_path / "newer"}
    for key, (name, text) in texts.items():
        places[key] = tmp_path / name
        places[key].write_text(text)
    places["EMPTY"] = tmp_path / "empty"
    result = command(*[places.get(a, a) for a in argv.split()])
    quoted = words.split("`")
    is_one_line(result, *quoted[0].split(), *quoted[1:2])


def test_a_trace_goes_to_an_npz_and_nowhere_else(command, tiny, file, tmp_path):
    is_one_line(command("refine", "--models", tiny, "--data", file, "--out", tmp_path / "x.txt"), "must end in .npz")
    assert not (tmp_path / "x.txt").exists()


def test_a_second_run_says_what_was_there_and_where_nothing_is_pushed(command, tiny, tmp_path):
    again = [
        "evaluate",
        "--models",
        tiny,
        *SMALL,
        "--limit",
        4,
        "--methods",
        "coconut,residual",
        "--out",
        tmp_path / "r.json",
    ]
    assert "there from before" not in command(*again)[2]
    assert "8 of 8 answers are there from before" in command(*again)[2]


def test_a_broken_record_is_named(command, tiny, file):
    records = json.loads(file.read_text())
    del records[1]["edges"]
    file.write_text(json.dumps(records))
    is_one_line(command("refine", "--models", tiny, "--data", file), "record 1", "edges")


def test_a_run_that_leaves_the_numbers_says_where(command, tiny, file):
    result = command("refine", "--models", tiny, "--data", file, "--step-size", 1e6, "--dtype", "float16")
    is_one_line(result, "Not a finite number at thought", "round", "lower one of them")


def test_a_message_of_several_lines_becomes_one(command, tiny, file, monkeypatch):
    def fail(*_):
        raise ValueError("the first line\n  and the second")

    monkeypatch.setattr(type(BENCHMARKS["prosqa"]), "__getattribute__", fail)
    is_one_line(command("refine", "--models", tiny, "--data", file), "the first line and the second")


def test_an_interrupt_is_no_success(command, tiny, file, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(BENCHMARKS["prosqa"]), "__getattribute__", interrupt)
    code, out, err = command("refine", "--models", tiny, "--data", file)
    assert (code, out, err.strip()) == (130, "", "Stopped.")


def test_a_stranger_sees_one_line_too():
    done = a_real_run("refine", "--rounds", "many", "--text", TEXT)
    is_one_line((done.returncode, done.stdout, done.stderr), "--rounds", "python -m lrr_core refine --help")
