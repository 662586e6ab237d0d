"""A Slurm of one node on loopback, from Debian's packages slurm-wlm and munge."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTS = ("munged", "slurmctld", "slurmd", "sbatch")


def missing() -> str:
    """Why no cluster can be started here; empty where one can."""
    lacks = [name for name in PARTS if shutil.which(name) is None]
    if lacks:
        return f"not installed: {', '.join(lacks)} (Debian: slurm-wlm, munge)"
    return "" if os.geteuid() == 0 else "a Slurm of one's own is started by root only"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[Path]:
    """Runs the cluster's daemons in `folder`; gives its configuration, for SLURM_CONF."""
    folder.mkdir(mode=0o755)
    node = socket.gethostname().partition(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    config = folder / "slurm.conf"
    config.write_text(
        f"ClusterName=titletui\nSlurmctldHost={node}(127.0.0.1)\nSlurmctldPort={_free_port()}\n"
        f"SlurmdPort={_free_port()}\nAuthType=auth/munge\nAuthInfo=socket={folder}/munge.socket\n"
        f"SlurmUser=root\nSlurmdUser=root\nStateSaveLocation={folder}/state\n"
        f"SlurmdSpoolDir={folder}/spool\nSlurmctldPidFile={folder}/ctld.pid\n"
        f"SlurmdPidFile={folder}/slurmd.pid\nSlurmctldLogFile={folder}/ctld.log\n"
        f"SlurmdLogFile={folder}/slurmd.log\nProctrackType=proctrack/pgid\nTaskPlugin=task/none\n"
        "SchedulerType=sched/builtin\nReturnToService=2\nMpiDefault=none\n"
        "JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\n"
        f"NodeName={node} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} State=UNKNOWN\n"
        f"PartitionName=all Nodes={node} Default=YES MaxTime=INFINITE State=UP\n"
    )
    environment = {**os.environ, "SLURM_CONF": str(config)}
    munge = [f"--{name}={folder}/munge.{name.partition('-')[0]}" for name in ("socket", "pid-file")]
    munge += [f"--key-file={key}", f"--log-file={folder}/munge.log"]
    commands = (
        ["munged", "--foreground", "--force", f"--seed-file={folder}/munge.seed", *munge],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D", "-N", node],
    )
    daemons = []
    try:
        for command in commands:
            daemons.append(
                subprocess.Popen(
                    command,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
            time.sleep(1.5)
        yield config
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
