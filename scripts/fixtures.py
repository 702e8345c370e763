"""Makes test/fixtures from transformers (docs/fixtures.md).

    OMP_NUM_THREADS=1 python scripts/fixtures.py [--out test/fixtures]
"""

import argparse
import os
import shutil
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import PIL
import torch
import transformers

from fixtures.ablation import write_ablations
from fixtures.cases import BATCHES, Models, write_cases
from fixtures.checkpoints import write_checkpoint
from fixtures.configs import MODELS
from fixtures.files import write_json
from fixtures.geometry import geometry
from fixtures.images import write_images
from fixtures.resize import resizes
from fixtures.swap import write_swaps

LIMIT = 5_000_000


def sizes(directory: Path) -> dict[str, int]:
    """Bytes under each folder of the fixtures."""
    out: dict[str, int] = {}
    for file in sorted(directory.rglob("*")):
        if file.is_file():
            parts = file.relative_to(directory).parts
            key = "/".join(parts[:2]) if parts[0] == "models" else parts[0]
            out[key] = out.get(key, 0) + file.stat().st_size
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the parity fixtures.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "test" / "fixtures")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    for part in ("models", "images", "cases"):
        shutil.rmtree(out / part, ignore_errors=True)
    for model in MODELS.values():
        write_checkpoint(model, out / "models" / model.name)
    write_images(out / "images")
    models = Models(out / "models")
    images = out / "images"
    manifest = {
        "made_with": {"transformers": transformers.__version__, "torch": torch.__version__, "pillow": PIL.__version__},
        "cases": write_cases(images, models, out / "cases"),
        "batches": BATCHES,
        "swaps": write_swaps(images, models, out / "cases"),
        "ablations": write_ablations(images, models),
    }
    write_json(out / "cases.json", manifest)
    write_json(out / "geometry.json", geometry(models))
    write_json(out / "resize.json", resizes(images))

    table = sizes(out)
    for name, size in table.items():
        print(f"{size:10,}  {name}")
    total = sum(table.values())
    print(f"{total:10,}  total")
    assert total < LIMIT, total


if __name__ == "__main__":
    main()
