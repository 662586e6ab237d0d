"""`titletui doctor` finds what is wrong and says what to do."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.support.disks import read_only_folder
from titletui import doctor
from titletui.cli import main
from titletui.database import file_system, network_file_system
from titletui.doctor import Check, diagnose
from titletui.jobs.lifetime import kills_user_processes, lifetime_limits
from titletui.paths import Home
from titletui.tui.keymap import keymap_problems


def found(home: Home) -> dict[str, Check]:
    return {f"{check.area}/{check.name}": check for check in diagnose(home, keymap_problems)}


def test_a_healthy_machine_has_no_error(home: Home) -> None:
    assert [check for check in diagnose(home, keymap_problems) if check.verdict == "error"] == []


def test_a_damaged_database_is_an_error_with_advice(home: Home) -> None:
    home.library_db.write_bytes(b"this is no database, it is a sentence " * 50)
    check = found(home)["databases/library"]
    assert check.verdict == "error"
    assert "not a database" in check.finding
    assert check.advice


@pytest.mark.fault("F64")
def test_a_folder_that_others_can_read_is_a_warning(home: Home) -> None:
    home.data.chmod(0o755)
    check = found(home)["folders/data"]
    assert check.verdict == "warning"
    assert "chmod 700" in check.advice


@pytest.mark.fault("F44")
@pytest.mark.parametrize(
    ("main", "drop", "kills"),
    [
        ("", None, False),
        ("[Login]\n#KillUserProcesses=yes\n", None, False),
        ("[Login]\nKillUserProcesses=yes\n", None, True),
        ("[Login]\nKillUserProcesses=yes\n", "[Login]\nKillUserProcesses=no\n", False),
        ("[Login]\nKillUserProcesses=no\n", "[Login]\nKillUserProcesses=yes\n", True),
    ],
)
def test_logind_that_kills_jobs_is_recognised(
    tmp_path: Path, main: str, drop: str | None, kills: bool
) -> None:
    (tmp_path / "logind.conf").write_text(main)
    if drop is not None:
        (tmp_path / "logind.conf.d").mkdir()
        (tmp_path / "logind.conf.d" / "10-site.conf").write_text(drop)
    assert kills_user_processes([tmp_path]) is kills
    user = {"USER": "ada"}
    limits = list(lifetime_limits(user, tmp_path, [tmp_path]))
    assert [limit.cause for limit in limits] == ["KillUserProcesses=yes"] * kills
    lingering = tmp_path / "var" / "lib" / "systemd" / "linger"
    lingering.mkdir(parents=True)
    (lingering / "ada").touch()
    assert list(lifetime_limits(user, tmp_path, [tmp_path])) == []


@pytest.mark.fault("F44")
@pytest.mark.parametrize(
    ("variables", "files", "cause"),
    [
        ({"SLURM_JOB_ID": "7"}, {}, "this shell is part of Slurm job 7"),
        ({"PBS_JOBID": "8.host"}, {}, "this shell is part of PBS job 8.host"),
        ({"JOB_ID": "9"}, {}, ""),
        ({}, {".dockerenv": ""}, "this is a container"),
        ({"container": "podman"}, {}, "this is a container"),
        ({}, {"proc/self/cgroup": "0::/run-r1.scope"}, "this shell is in a systemd scope"),
        ({}, {"proc/self/cgroup": f"0::/user@{os.getuid()}.service/app.slice/tmux.scope"},
         "this shell belongs to systemd's user manager"),
        ({}, {"proc/self/cgroup": "0::/user.slice/session-3.scope"}, ""),
    ],
)  # fmt: skip
def test_what_ends_jobs_early_is_recognised(
    tmp_path: Path, variables: dict[str, str], files: dict[str, str], cause: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    limits = list(lifetime_limits(variables, tmp_path, []))
    assert [limit.cause for limit in limits] == [cause] * bool(cause)


def test_ceph_counts_as_a_network_file_system(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {home.data} ceph rw 0 0\n")
    monkeypatch.setattr(doctor, "file_system", partial(file_system, mounts=mounts))
    monkeypatch.setattr(doctor, "network_file_system", partial(network_file_system, mounts=mounts))
    assert found(home)["folders/file system"].finding.startswith("ceph (a network file system")


def test_the_command_prints_one_object_a_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "titletui", "doctor", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    checks = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"versions", "folders", "databases", "terminal", "session"} <= {
        c["area"] for c in checks
    }
    assert done.returncode == int(any(c.get("verdict") == "error" for c in checks))
    assert "Traceback" not in done.stderr


def test_the_command_says_in_lines_what_is_wrong_and_what_to_do(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 0
    healthy = capsys.readouterr().out
    assert "databases\n" in healthy
    assert "✓ library" in healthy
    home.library_db.write_bytes(b"this is no database, it is a sentence " * 50)
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    (at,) = (place for place, line in enumerate(lines) if line.startswith("  ✗ library"))
    assert lines[at + 1].startswith("    "), "the advice"


def test_the_models_are_listed_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    (starter,) = capsys.readouterr().out.splitlines()
    assert starter.split()[:2] == ["starter", "starter"]
    assert starter.endswith(" M")


def test_settings_that_cannot_be_followed_are_told(home: Home) -> None:
    home.config_toml.write_text('[keys]\n"train.new" = "x"\n')
    check = found(home)["settings/keys"]
    assert check.verdict == "warning"
    assert "train.new" in check.finding
    home.config_toml.write_text("mode = 7\n")
    assert found(home)["settings/file"].verdict == "error"


@pytest.mark.parametrize(
    ("script", "verdict", "finding"),
    [
        ("echo '0, NVIDIA H100, PCIe, 81559, 81000, 550.54'", "ok",
         "NVIDIA H100, PCIe, 81000 of 81559 MiB free, driver 550.54"),
        ("echo 'No devices were found'", "ok", "none; models run on the processor"),
        ("exit 9", "warning", "nvidia-smi fails (CalledProcessError)"),
    ],
)  # fmt: skip
def test_what_nvidias_tool_says_is_told(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    script: str, verdict: str, finding: str,
) -> None:  # fmt: skip
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    check = found(home)["machine/gpu"]
    assert (check.verdict, check.finding) == (verdict, finding)


@pytest.mark.parametrize("version", ["", "2.0.1"])
def test_a_library_that_is_missing_or_too_old_is_an_error(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    if version:
        facts = tmp_path / f"torch-{version}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        name, advice = "torch", "pip install 'torch>="
    else:
        monkeypatch.setattr(doctor, "_LIBRARIES", ("no-such-library",))
        name, advice = "no-such-library", "Install titletui again"
    check = found(home)[f"versions/{name}"]
    assert (check.verdict, check.finding) == ("error", version or "missing")
    assert advice in check.advice


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_a_folder_of_another_user_is_a_warning(home: Home) -> None:
    os.chown(home.data, 12345, 12345)
    check = found(home)["folders/data"]
    assert check.verdict == "warning"
    assert "belongs to another user" in check.finding


@pytest.mark.fault("F60")
def test_a_folder_that_cannot_be_written_is_an_error(home: Home) -> None:
    with read_only_folder(home.data) as folder:
        check = found(Home(folder, folder, folder, folder))["folders/data"]
    assert check.verdict == "error"
    assert "cannot be written" in check.finding


def test_a_wish_for_no_colours_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert found(home)["terminal/colours"].finding == "none (NO_COLOR is set)"
