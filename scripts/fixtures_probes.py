"""Makes test/fixtures/probes.json: replies under the probes' swaps and ablations, from the decoder of fixtures/decoder.py.

    OMP_NUM_THREADS=1 python scripts/fixtures_probes.py [--out test/fixtures]
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import torch

from fixtures.cases import Models
from fixtures.files import write_json
from fixtures.probes import write_probes


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the fixtures of the probes.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "test" / "fixtures")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    write_json(out / "probes.json", write_probes(out / "images", Models(out / "models")))


if __name__ == "__main__":
    main()
