"""Find out whether systemd-logind ends detached jobs at logout."""

import configparser
import os
from collections.abc import Sequence
from pathlib import Path

CONFIG = (Path("/usr/lib/systemd"), Path("/run/systemd"), Path("/etc/systemd"))


def kills_user_processes(config: Sequence[Path] = CONFIG, linger: Path | None = None) -> bool:
    """Whether logind is set to `KillUserProcesses=yes` and this user does not linger.

    Args:
        config: folders with `logind.conf` and `logind.conf.d/*.conf`, later ones
            override earlier ones (logind.conf(5)).
        linger: the file that exists if the user lingers.
    """
    files = [folder / "logind.conf" for folder in config]
    drops = {path.name: path for folder in config for path in folder.glob("logind.conf.d/*.conf")}
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    read = parser.read([*files, *(drops[name] for name in sorted(drops))], encoding="utf-8")
    if not read or not parser.getboolean("Login", "KillUserProcesses", fallback=False):
        return False
    marker = linger or Path("/var/lib/systemd/linger") / (os.environ.get("USER") or "root")
    return not marker.exists()
