"""The process runner, with real processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil

from local.process import lives
from local.run import generated, procfile

CHECKOUT = Path(__file__).resolve().parents[2]


def test_secrets_are_made_once_and_only_we_can_read_them(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    assert generated(path, {"SECRET_KEY": "first"}) == {"SECRET_KEY": "first"}
    assert generated(path, {"SECRET_KEY": "second", "NEW": "n/w+=_-."}) == {"SECRET_KEY": "first", "NEW": "n/w+=_-."}
    assert generated(path, {}) == {"SECRET_KEY": "first", "NEW": "n/w+=_-."}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_procfile_names_the_processes_the_design_names() -> None:
    assert list(procfile()) == [
        "release",
        "web",
        "worker-inbox",
        "worker-plan",
        "worker-send",
        "worker-slow",
        "clock",
    ]


def start_two(tmp_path: Path, first: str) -> subprocess.Popen[str]:
    """Run `first` beside a process that would go on for a minute and notes its id."""
    other = f"{sys.executable} -c 'import os, time; print(os.getpid(), flush=True); time.sleep(60)'"
    program = f"""
        import sys
        from pathlib import Path
        from local import run
        run.CHECKOUT = Path({str(tmp_path)!r})
        sys.exit(run.processes({{"PATH": {os.environ["PATH"]!r}}}))
    """
    (tmp_path / "Procfile").write_text(f"release: false\nother: {other}\nfirst: {first}\n")
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )


def other_process(runner: subprocess.Popen[str]) -> psutil.Process:
    assert runner.stdout is not None
    for line in runner.stdout:
        name, _, text = line.rstrip().partition("|")
        if "other" in name and text.strip().isdecimal():
            return psutil.Process(int(text))
    raise AssertionError("the other process never said its number")


def test_when_one_process_ends_all_are_stopped_and_its_code_is_ours(tmp_path: Path) -> None:
    with start_two(tmp_path, "sleep 1; exit 7") as runner:
        other = other_process(runner)
        runner.communicate(timeout=90)
    assert runner.returncode == 7
    assert not lives(other)


def test_ctrl_c_stops_every_process(tmp_path: Path) -> None:
    with start_two(tmp_path, "sleep 60") as runner:
        other = other_process(runner)
        started = time.monotonic()
        runner.send_signal(signal.SIGINT)
        runner.communicate(timeout=90)
    assert runner.returncode == 130
    assert not lives(other)
    assert time.monotonic() - started < 30, "they were left to end by themselves"


def test_ctrl_c_among_many_lines_of_output_stops_everything_too(tmp_path: Path) -> None:
    with start_two(tmp_path, "yes hello") as runner:
        other = other_process(runner)
        runner.send_signal(signal.SIGINT)
        runner.communicate(timeout=90)
    assert runner.returncode == 130
    assert not lives(other)


def test_ctrl_c_before_everything_has_started_stops_everything_too(tmp_path: Path) -> None:
    with start_two(tmp_path, "sleep 60") as runner:
        processes = psutil.Process(runner.pid)
        deadline = time.monotonic() + 60
        # Right after honcho's own process for the first command appears, and before the commands have.
        while not processes.children() and time.monotonic() < deadline:
            time.sleep(0.001)
        runner.send_signal(signal.SIGINT)
        runner.communicate(timeout=90)
    assert runner.returncode == 130
