"""Commands: what they print where, and one line with exit 2 for bad input."""

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.cli.output import print_table
from fewray.cli.params import preset_default
from fewray.cli.progress import epoch_line
from fewray.data.phantom.options import PhantomOptions
from fewray.presets import RECIPE_NOTES, RECIPES
from tests.helpers import run_cli

PHANTOM = "phantom:size=64,train=6,test=2"


def test_help_and_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    assert run_cli(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == "fewray 0.1.0\n"
    assert run_cli(monkeypatch, "--help") == 0
    out = capsys.readouterr().out
    for command in (
        "data",
        "recipes",
        "summary",
        "train",
        "generate",
        "quality",
        "study",
        "report",
    ):
        assert f"  {command}" in out


def test_study_help_is_in_sections_with_defaults_arms_and_recipes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run_cli(monkeypatch, "study", "--help") == 0
    out = capsys.readouterr().out
    sections = [line for line in out.splitlines() if line.endswith(":") and line[0] != " "]
    assert sections == [
        "Options:",
        "Tables and labels:",
        "Both protocols:",
        "Cross-validation (--protocol crossval):",
        "Published protocol (--protocol published):",
        "Machine:",
    ]
    words = " ".join(out.split())
    assert "no_augmentation, classic, oversample, mixup, pca" in words
    assert "paper, small, quick" in words
    assert f"[default: {preset_default('classifier.steps')}]" in words
    assert "list[str]" not in words


def test_defaults_in_the_help_are_those_of_the_presets():
    assert preset_default("folds") == "4 (2 with preset quick)"
    assert preset_default("ratios") == "0.5,2,4 (none with preset quick)"
    assert preset_default("seeds") == "5 (with preset quick: 1 with crossval, 2 with published)"
    assert preset_default("classifier.steps") == (
        "600 with crossval, 1200 with published; 100 with preset quick"
    )
    assert preset_default("gan.recipe") == (
        "diffusion with crossval (diffusion_quick with preset quick), paper with published (quick "
        "with preset quick)"
    )
    assert preset_default("mixture_classic") == "0,500,1000,2000,3000"


def test_help_imports_neither_torch_nor_numpy():
    code = "import sys; sys.argv = ['fewray', '--help']\nfrom fewray.cli import main\n"
    code += "try: main()\nfinally: "
    code += "print('torch' in sys.modules or 'numpy' in sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "False"


@pytest.mark.parametrize(
    ("command", "before", "after"), [("summary", None, "passive"), ("summary", "active", "active")]
)
def test_waiting_threads_sleep(
    command: str, before: str | None, after: str | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OMP_WAIT_POLICY", "x")  # so that it is put back
    monkeypatch.delenv("OMP_WAIT_POLICY") if before is None else monkeypatch.setenv(
        "OMP_WAIT_POLICY", before
    )
    assert run_cli(monkeypatch, command, "nothing") == 2
    assert os.environ.get("OMP_WAIT_POLICY") == after


def test_every_recipe_is_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert RECIPE_NOTES.keys() == RECIPES.keys()
    assert run_cli(monkeypatch, "recipes") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in RECIPES)
    assert run_cli(monkeypatch, "recipes", "--json") == 0
    assert json.loads(capsys.readouterr().out).keys() == RECIPES.keys()


def test_summary_prints_the_paper_s_tables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run_cli(monkeypatch, "summary", "paper", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["generator"]["params"] == 3_574_656
    assert found["generator"]["mult_adds"] == pytest.approx(423.53, abs=0.005)
    assert found["discriminator"]["params"] == 2_763_520
    assert found["discriminator"]["mult_adds"] == pytest.approx(104.48, abs=0.005)
    assert len(found["layers"]["generator"]) == 14
    assert run_cli(monkeypatch, "summary", "paper") == 0
    out = capsys.readouterr().out
    assert "3,574,656" in out
    assert "[-1, 512, 4, 4]" in out
    assert "15.54" in out


def test_the_log_line_is_that_of_the_paper():
    row = {
        "epoch": 200,
        "epochs": 200,
        "batches": 34,
        "loss_d": 1.2568,
        "loss_g": 3.0651,
        "d_x": 0.7847,
    }
    row |= {"d_g_z1": 0.5819, "d_g_z2": 0.0646, "fid": 1.1241, "inception_score": 2.7997}
    assert epoch_line("covid", row) == (
        "covid [200/200][33/34] Loss_D: 1.2568 Loss_G: 3.0651 D(x): 0.7847 "
        "D(G(z)): 0.5819 / 0.0646 FID: 1.1241 InceptionScore: 2.7997"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["summary", "papre"],
        ["train", "--data", "nowhere", "--out", "x"],
        ["train", "--data", PHANTOM, "--recipe", "papre", "--out", "x"],
        ["train", "--data", PHANTOM, "--classes", "flu", "--out", "x"],
        ["train", "--data", PHANTOM, "--device", "gpu", "--out", "x"],
        ["train", "--data", PHANTOM, "--epochs", "0", "--out", "x"],
        ["generate", "nowhere", "--out", "x"],
        ["quality", "--real", PHANTOM, "--synthetic", "nowhere"],
        ["study", "--data", PHANTOM, "--preset", "quik", "--out", "x"],
        ["study", "--data", PHANTOM, "--protocol", "publish", "--out", "x"],
        ["study", "--data", PHANTOM, "--arms", "no_augmentation,magic", "--out", "x"],
        [
            "study",
            "--protocol",
            "published",
            "--data",
            PHANTOM,
            "--generators",
            "nowhere",
            "--out",
            "x",
        ],
        ["study", "--data", PHANTOM, "--folds", "1", "--out", "x"],
        ["study", "--data", PHANTOM, "--ratios", "1,two", "--out", "x"],
        ["study", "--data", PHANTOM, "--without", "flu", "--out", "x"],
        ["study", "--data", PHANTOM, "--external", "nowhere", "--out", "x"],
        ["study", "--data", PHANTOM, "--mixtures", "--out", "x"],
        [
            "study",
            "--protocol",
            "published",
            "--data",
            PHANTOM,
            "--mixture-classic",
            "1,-2",
            "--out",
            "x",
        ],
        [
            "study",
            "--protocol",
            "published",
            "--data",
            PHANTOM,
            "--mixture-synthetic",
            ",",
            "--out",
            "x",
        ],
        ["study", "--protocol", "published", "--data", PHANTOM, "--ratio", "2", "--out", "x"],
        ["report", "nowhere"],
        ["data", "fetch", "covid5"],
        ["data", "check", "nowhere"],
    ],
    ids=lambda words: " ".join(words)[:50],
)
def test_bad_input_is_one_line_and_exit_2(
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
):
    monkeypatch.chdir(tmp_path)
    assert run_cli(monkeypatch, *words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    *before, last = captured.err.splitlines()
    assert last.startswith("fewray: ")
    assert {line for line in before if not line.startswith("note: ")} <= {
        "reading and measuring; this takes minutes for thousands of images",
        "reading images and making folds",
    }
    assert not list(tmp_path.rglob("*.safetensors"))


def test_data_check_reports_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name, seed in (("a/1.png", 1), ("a/2.png", 1), ("b/3.png", 3)):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 40), np.uint8)).save(path)
    (tmp_path / "set/b/4.png").write_text("no image")
    assert run_cli(monkeypatch, "data", "check", tmp_path / "set", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["unreadable"]) == ["b/4.png"]
    assert found["duplicates"] == [["a/1.png", "a/2.png"]]
    assert run_cli(monkeypatch, "data", "check", tmp_path / "set") == 0
    out = capsys.readouterr().out
    assert "b/4.png" in out
    assert "`fewray data check` lists them" not in out
    assert out.count("byte-equal files:") == 1
    assert run_cli(monkeypatch, "data", "check", tmp_path / "nofolder") == 2
    assert capsys.readouterr().err.startswith(
        f"fewray: data check {tmp_path / 'nofolder'}: not found"
    )


def test_data_list(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    assert run_cli(monkeypatch, "data", "list", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found][:2] == ["phantom", "covid4"]
    assert all(f"{field.name}=" in found[0]["keys"] for field in fields(PhantomOptions))
    monkeypatch.setenv("FEWRAY_COVID4", "nowhere")
    assert run_cli(monkeypatch, "data", "list") == 0
    assert "not here: fewray data fetch covid4" in " ".join(capsys.readouterr().out.split())


def test_from_training_to_quality(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run, made = tmp_path / "run", tmp_path / "made"
    train = [
        "train",
        "--data",
        PHANTOM,
        "--recipe",
        "quick",
        "--epochs",
        "1",
        "--classes",
        "normal",
        "--out",
        run,
    ]
    assert run_cli(monkeypatch, *train, "--dry-run") == 0
    assert "generator normal" in capsys.readouterr().out
    assert not run.exists()
    assert run_cli(monkeypatch, *train, "--quality-every", "0") == 0
    captured = capsys.readouterr()
    assert "normal [1/1][31/32] Loss_D: " in captured.err
    assert f"Generators in {run} (FID, KID and IS not measured" in " ".join(captured.out.split())
    assert run_cli(monkeypatch, *train) == 2
    assert "--resume (in Python: resume=True)" in capsys.readouterr().err
    assert run_cli(monkeypatch, "generate", run, "--per-class", 4, "--out", made, "--json") == 0
    assert json.loads(capsys.readouterr().out)["images"] == 4
    for more in ([], ["--dry-run"]):
        assert (
            run_cli(monkeypatch, "train", "--data", made, "--out", run.parent / "again", *more) == 2
        )
        assert "4 synthetic images" in capsys.readouterr().err
    assert (
        run_cli(
            monkeypatch, "quality", "--real", PHANTOM, "--synthetic", made, "--extractor", "pixels"
        )
        == 2
    )
    assert "classes differ: real" in capsys.readouterr().err
    assert (
        run_cli(
            monkeypatch,
            "quality",
            "--real",
            made,
            "--synthetic",
            made,
            "--extractor",
            "pixels",
            "--json",
        )
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["classes"]["normal"]["fid"] == pytest.approx(0, abs=1e-6)
    assert found["extractor"] == "pixels@32"
    assert run_cli(monkeypatch, "report", run) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()


def test_a_dry_run_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    words = [
        "study",
        "--data",
        PHANTOM,
        "--preset",
        "quick",
        "--steps",
        "5",
        "--out",
        tmp_path / "x",
        "--dry-run",
    ]
    assert run_cli(monkeypatch, *words, "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    jobs = [row["job"] for row in plan]
    assert jobs[0] == "generators, repeat-0-fold-0"
    assert "classic+synthetic, repeat-0-fold-1, 1 seed" in jobs
    assert len(plan) == 2 + 8 * 2 + 2 + 1 + 1
    assert plan[2]["steps"] == 5
    assert [row["job"] for row in plan if row["minutes"] is None][-1] == "shortcut audit"
    assert not (tmp_path / "x").exists()


def test_the_generated_docs_are_up_to_date():
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, root / "docs" / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert done.returncode == 0, done.stderr


def test_a_study_warns_first_that_patients_are_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        Image.fromarray(np.random.default_rng(ord(label)).integers(0, 256, (8, 8), np.uint8)).save(
            tmp_path / label / "1.png"
        )
    monkeypatch.setattr(
        "fewray.api.plan_study", lambda *args, **named: [{"job": "all", "seconds": 1}]
    )
    assert (
        run_cli(
            monkeypatch,
            "study",
            "--data",
            tmp_path,
            "--out",
            tmp_path / "run",
            "--dry-run",
            "--json",
        )
        == 0
    )
    printed = capsys.readouterr()
    assert json.loads(printed.out)
    assert (
        "note: No image has a patient ID. Each of these images is counted as a separate patient"
        in printed.err
    )
    (tmp_path / "own.csv").write_text("path,label,patient_id\na/1.png,a,x\nb/1.png,b,y\n")
    assert (
        run_cli(
            monkeypatch,
            "study",
            "--data",
            tmp_path / "own.csv",
            "--out",
            tmp_path / "run",
            "--dry-run",
            "--json",
        )
        == 0
    )
    assert "note: column patient_id is ignored" in capsys.readouterr().err


def test_a_table_outside_a_terminal_breaks_no_cell(capsys: pytest.CaptureFixture[str]):
    cells = [("classic+synthetic", "too small to decide", "x" * 150), ("none", "[0.61, 0.73]", "y")]
    print_table("A title", ("arm", "verdict", "why"), cells)
    lines = capsys.readouterr().out.splitlines()
    assert all(any(all(cell in line for cell in row) for line in lines) for row in cells)
