"""What an idle holder, of which there may be many, has in memory."""

import subprocess
import sys


def test_a_holder_is_small() -> None:
    code = "import sys, loadlab.fleet.holder; print(*({'numpy', 'pydantic', 'httptools', 'httpx'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
