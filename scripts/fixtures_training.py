"""Makes test/fixtures/training from transformers, torch's AdamW and losses of its own (docs/fixtures.md).

    OMP_NUM_THREADS=1 python scripts/fixtures_training.py [--out test/fixtures/training]
"""

import argparse
import os
import shutil
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import torch
import transformers

from fixtures.files import write_json
from fixtures.training import write_training

LIMIT = 1_000_000


def main() -> None:
    fixtures = Path(__file__).parent.parent / "test" / "fixtures"
    parser = argparse.ArgumentParser(description="Make the training fixtures.")
    parser.add_argument("--out", type=Path, default=fixtures / "training")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    made_with = {"transformers": transformers.__version__, "torch": torch.__version__}
    write_json(out / "cases.json", {"made_with": made_with, **write_training(fixtures, out)})
    total = sum(file.stat().st_size for file in out.iterdir())
    print(f"{total:,} bytes")
    assert total < LIMIT, total


if __name__ == "__main__":
    main()
