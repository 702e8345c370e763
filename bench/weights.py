"""The rival of bench/weights.ts: the published analysis' way with whole float16 state dicts, and torch's singular values.

    python bench/weights.py        (reads one JSON request a line, answers with one)
"""

import json
import sys
import time

import torch
from safetensors.torch import load_file

torch.set_num_threads(2)


def energy(base, sft, rl):
    """Two updates of three checkpoints: state dicts as float16, differences in float16, torch.norm."""
    models = [{name: w.to(torch.float16) for name, w in load_file(f'{path}/model.safetensors').items()} for path in (base, sft, rl)]
    total = 0.0
    for name in models[0]:
        if 'weight' in name and 'norm' not in name and 'layers.' in name:
            before, now, after = (model[name] for model in models)
            norm = torch.norm(now.float())
            for delta in (now - before, after - now):
                size = torch.norm(delta.float())
                total += (size / (norm + 1e-8)).item()
    return total


def matrix():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(11008, 2048, generator=generator) * 1e-3


ACTIONS = {
    'energy': energy,
    'svdvals32': lambda: torch.linalg.svdvals(matrix_).sum().item(),
    'svdvals64': lambda: torch.linalg.svdvals(matrix_.double()).sum().item(),
}
matrix_ = matrix()
print(json.dumps({'ready': True}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    begun = time.perf_counter()
    ACTIONS[request['action']](*request.get('arguments', []))
    print(json.dumps({'seconds': time.perf_counter() - begun}), flush=True)
