"""A PostgreSQL server of our own: a new cluster in a temporary folder, reached through a Unix socket there."""

import glob
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .server_process import wait_until

_SETTINGS = {"listen_addresses": "", "max_connections": "50", "fsync": "off", "shared_buffers": "16MB"}


@contextmanager
def postgresql_serving(need_program: Callable[[str], str]) -> Iterator[str]:
    """Make a cluster, serve it until the end of the block, and give its connection string."""
    programs = {name: _find(name, need_program) for name in ("initdb", "postgres", "pg_isready")}
    # It refuses to run as root; Debian's package has made a user for it.
    user = "postgres" if os.getuid() == 0 else None
    # Not pytest's own folder, which no other user may enter; and short, as the path of a socket has to be.
    with tempfile.TemporaryDirectory(prefix="loadlab-pg-") as folder:
        if user is not None:
            shutil.chown(folder, user)
        data = str(Path(folder, "data"))
        made = subprocess.run(
            [programs["initdb"], "--auth=trust", "--username=loadlab", "--no-sync", "--pgdata", data],
            user=user,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        with (
            open(Path(folder, "log"), "w+") as log,
            subprocess.Popen(
                [programs["postgres"], "-D", data, "-k", folder, *settings],
                user=user,
                cwd=folder,
                stdout=log,
                stderr=log,
            ) as server,
        ):
            try:
                wait_until(lambda: _answers(programs["pg_isready"], folder) or server.poll() is not None)
                assert server.poll() is None, Path(log.name).read_text()
                yield f"host={folder} user=loadlab dbname=postgres"
            finally:
                server.send_signal(signal.SIGINT)  # "fast": does not wait for its clients


def _find(name: str, need_program: Callable[[str], str]) -> str:
    kept_by_debian = glob.glob("/usr/lib/postgresql/*/bin")
    found = shutil.which(name, path=os.pathsep.join([os.environ["PATH"], *kept_by_debian]))
    return found or need_program(name)


def _answers(pg_isready: str, folder: str) -> bool:
    return subprocess.run([pg_isready, "-q", "-h", folder], capture_output=True).returncode == 0
