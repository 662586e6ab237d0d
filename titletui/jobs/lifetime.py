"""Find out what ends detached jobs before they are done: logout, a batch job, a container."""

import configparser
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

LOGIND_CONFIG = (Path("/usr/lib/systemd"), Path("/run/systemd"), Path("/etc/systemd"))

_BATCH_SYSTEMS = {"SLURM_JOB_ID": "Slurm", "PBS_JOBID": "PBS", "LSB_JOBID": "LSF", "JOB_ID": "SGE"}
_CONTAINER_FILES = ("run/.containerenv", ".dockerenv")


class Limit(msgspec.Struct, frozen=True):
    """Something that ends a detached job.

    Attributes:
        cause: a clause, such as `this shell is part of Slurm job 7`.
        end: what ends the job, such as `when that job ends`.
        advice: what to do about it, as a sentence.
    """

    cause: str
    end: str
    advice: str


def lifetime_limits(
    environment: Mapping[str, str] = os.environ,
    root: Path = Path("/"),
    logind: Sequence[Path] = LOGIND_CONFIG,
) -> Iterator[Limit]:
    """Yield what ends the detached jobs of this session early.

    Args:
        root: where `/proc`, `/run` and `/var` are found.
        logind: see `kills_user_processes`.
    """
    lingers = (root / "var/lib/systemd/linger" / (environment.get("USER") or "root")).exists()
    linger = "Run `loginctl enable-linger` once."
    if not lingers and kills_user_processes(logind):
        yield Limit("KillUserProcesses=yes", "when you log out", linger)
    elif not lingers and f"/user@{os.getuid()}.service/" in _cgroup(root):
        yield Limit("this shell belongs to systemd's user manager", "when you log out", linger)
    elif "/run-" in _cgroup(root) and ".scope" in _cgroup(root):
        advice = "Start titletui outside of systemd-run."
        yield Limit("this shell is in a systemd scope", "when that scope is stopped", advice)
    for variable, name in _BATCH_SYSTEMS.items():
        number = environment.get(variable, "")
        if number and (variable != "JOB_ID" or "SGE_TASK_ID" in environment):
            advice = "Ask for enough time, or submit it with --slurm from a login node."
            yield Limit(f"this shell is part of {name} job {number}", "when that job ends", advice)
    if "container" in environment or any((root / name).exists() for name in _CONTAINER_FILES):
        advice = "Keep the container running until the job is done."
        yield Limit("this is a container", "when the container stops", advice)


def kills_user_processes(config: Sequence[Path] = LOGIND_CONFIG) -> bool:
    """Whether systemd-logind is set to `KillUserProcesses=yes`.

    Args:
        config: folders with `logind.conf` and `logind.conf.d/*.conf`, later ones override earlier
            ones (logind.conf(5)).
    """
    files = [folder / "logind.conf" for folder in config]
    drops = {path.name: path for folder in config for path in folder.glob("logind.conf.d/*.conf")}
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        parser.read([*files, *(drops[name] for name in sorted(drops))], encoding="utf-8")
        return parser.getboolean("Login", "KillUserProcesses", fallback=False)
    except (configparser.Error, ValueError, UnicodeDecodeError):
        return False


def _cgroup(root: Path) -> str:
    try:
        return (root / "proc/self/cgroup").read_text()
    except OSError:
        return ""
