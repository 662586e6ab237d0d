"""The starter needs no transformers."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.support.models import tiny_gpt2
from titletui.paths import Home


@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU transformers is used")
def test_a_gpt2_writes_without_transformers(home: Home, tmp_path: Path) -> None:
    folder = tiny_gpt2(tmp_path)
    script = (
        "import sys\n"
        "from titletui.generation.engine import open_engine\n"
        "from titletui.generation.protocol import Generate\n"
        "from titletui.paths import find_home\n"
        f"engine = open_engine(find_home(), {str(folder)!r}, print)\n"
        "list(engine.write(Generate(id=1, count=2), lambda: False, print))\n"
        "assert 'transformers' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
