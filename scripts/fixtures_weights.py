"""Writes test/fixtures/weights: three tiny checkpoints and what NumPy, SciPy and transformers say of them, for compare and merge to equal.

    python scripts/fixtures_weights.py        (needs numpy, scipy, torch, transformers, safetensors)

base, in and rl have the shape of test/fixtures/models/v4-bfloat16, whose side files complete them; base has the other layout of names. Formulas are
written out here from the papers, in float64, without the project's code: energy, singular values, principal angles, every merge method, and
logits of a splice that transformers loaded.
"""

import base64
import hashlib
import json
import math
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy.linalg import subspace_angles
from scipy.special import ndtri

FIXTURES = Path(__file__).resolve().parents[1] / 'test/fixtures'
SHAPE = FIXTURES / 'models/v4-bfloat16'
OUT = FIXTURES / 'weights'
MATRICES = ['model.layers.1.self_attn.k_proj.weight', 'model.layers.3.mlp.down_proj.weight']
TOPK = 8


def internal(name):
    name = name.removeprefix('model.') if name.startswith(('model.visual.', 'model.language_model.')) else name
    return 'language_model.' + name.removeprefix('model.') if name.startswith('model.') else name


def nested(name):
    if name == 'lm_head.weight':
        return name
    return 'model.language_model.' + name.removeprefix('model.') if name.startswith('model.') else 'model.' + name


def trio():
    """IN moves every element of Base; RL a third of IN's, by little, as reinforcement learning does."""
    random = np.random.default_rng(20260212)
    base = {name: tensor.to(torch.float64).numpy() for name, tensor in load_file(SHAPE / 'model.safetensors').items()}
    sft = {name: w + 0.05 * random.standard_normal(w.shape) for name, w in base.items()}
    sft = {name: bf16(w) for name, w in sft.items()}
    rl = {name: bf16(w + 0.02 * random.standard_normal(w.shape) * (random.random(w.shape) < 1 / 3)) for name, w in sft.items()}
    return {'base': base, 'in': sft, 'rl': rl}


def bf16(w):
    return torch.from_numpy(w).to(torch.bfloat16).to(torch.float64).numpy()


# --- compare ---------------------------------------------------------------------------------------------------------

def admitted(name):
    indexed = name.startswith(('visual.blocks.', 'visual.merger.', 'language_model.layers.'))
    return 'weight' in name and 'norm' not in name and indexed


def energy(models):
    records = {}
    for name in models['in']:
        if not admitted(internal(name)):
            continue
        deltas = {'sft': models['in'][name] - models['base'][name], 'rl': models['rl'][name] - models['in'][name]}
        reference = np.linalg.norm(models['in'][name]) + 1e-8
        records[internal(name)] = {
            key: {
                'fro_norm': float(np.sqrt(np.sum(d**2))),
                'relative_norm': float(np.sqrt(np.sum(d**2)) / reference),
                'max_abs': float(np.max(np.abs(d))),
                'mean_abs': float(np.mean(np.abs(d))),
                'unchanged': float(np.mean(d == 0)),
            }
            for key, d in deltas.items()
        }
        a, b = deltas.values()
        records[internal(name)]['cosine'] = float(np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b))
    return records


def histogram(models):
    """Of the RL update: how many elements have 2^e <= |d| < 2^(e+1)."""
    counts = {}
    for name in models['in']:
        if admitted(internal(name)):
            d = np.abs(models['rl'][name] - models['in'][name]).ravel()
            for exponent in np.floor(np.log2(d[d > 0])).astype(int):
                counts[int(exponent)] = counts.get(int(exponent), 0) + 1
    return counts


def spectrum(models):
    records = {}
    for name in models['in']:
        if not (internal(name).startswith(('visual.blocks.', 'language_model.layers.')) and 'down_proj.weight' in name):
            continue
        deltas = [models['in'][name] - models['base'][name], models['rl'][name] - models['in'][name]]
        svds = [np.linalg.svd(d) for d in deltas]
        record = {key: measures(d, s) for key, d, (_, s, _) in zip(('sft', 'rl'), deltas, svds)}
        record['angles'] = {
            'left': sorted(subspace_angles(svds[0][0][:, :TOPK], svds[1][0][:, :TOPK]).tolist()),
            'right': sorted(subspace_angles(svds[0][2][:TOPK].T, svds[1][2][:TOPK].T).tolist()),
        }
        records[internal(name)] = record
    return records


def measures(d, s):
    kept = s[s > 1e-12]
    p = kept / s.sum()
    return {
        'singular_values': s.tolist(),
        'spectral_norm': float(s[0]),
        'nuclear_norm': float(s.sum()),
        'fro_norm': float(np.linalg.norm(d)),
        'stable_rank': float(np.sum(d**2) / s[0] ** 2),
        'effective_rank': float(np.exp(-np.sum(p * np.log(p)))),
        'condition_number': float(s[0] / s[-1]),
        'log_volume': float(np.sum(np.log(s[:50] + 1e-12))),
    }


# --- random elements, from docs/merge.md -----------------------------------------------------------------------------

GOLDEN, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1


def scatter(x):
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def draw_seed(seed, name, index):
    text = json.dumps([seed, name, index], separators=(',', ':'))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], 'little') >> 11


def bits(seed, index):
    key = scatter((scatter((seed + GOLDEN) & MASK) + GOLDEN) & MASK)
    return scatter((key + index * GOLDEN) & MASK)


def keep(shape, probability, seed):
    limit = int(math.ldexp(probability, 53))
    return np.array([(bits(seed, i) >> 11) < limit for i in range(int(np.prod(shape)))]).reshape(shape)


def normal(shape, seed):
    count = int(np.prod(shape))
    levels = [(bits(seed, i // 4) >> (16 * (i % 4))) & 0xFFFF for i in range(count)]
    return ndtri((np.array(levels) + 0.5) / 65536).reshape(shape)


# --- merge methods, from their papers --------------------------------------------------------------------------------

def linear(models, weights, normalize=False):
    return sum(w * m for w, m in zip(weights, models)) / (sum(weights) if normalize else 1)


def slerp(a, b, t):
    cosine = np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)
    if abs(cosine) > 0.9995:
        return (1 - t) * a + t * b
    theta = np.arccos(cosine)
    return (np.sin((1 - t) * theta) * a + np.sin(t * theta) * b) / np.sin(theta)


def elect(deltas, weights, normalize):
    positive = sum(w * d for w, d in zip(weights, deltas)) >= 0
    agreeing = [np.where(positive, d > 0, d < 0) for d in deltas]
    total = sum(w * d * agrees for w, d, agrees in zip(weights, deltas, agreeing))
    if not normalize:
        return total
    count = sum(w * agrees for w, agrees in zip(weights, agreeing))
    return np.divide(total, count, out=np.zeros_like(total), where=count != 0)


def trim(d, density):
    k = int(density * d.size)
    if k == 0:
        return np.zeros_like(d)
    return np.where(np.abs(d) >= np.sort(np.abs(d).ravel())[-k], d, 0)


def model_stock(base, deltas):
    cosines = [np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b) for i, a in enumerate(deltas) for b in deltas[:i]]
    n, cosine = len(deltas), np.mean(cosines)
    return base + n * cosine / (1 + (n - 1) * cosine) * np.mean(deltas, axis=0)


def ram(base, deltas, epsilon):
    changed = [np.where(np.abs(d) > epsilon, d, 0) for d in deltas]
    return base + sum(changed) / np.maximum(1, sum(d != 0 for d in changed))


def noise(w, ratio, draws):
    return (1 - ratio) * w + ratio * np.std(w, ddof=1) * draws


def recipes():
    two = lambda **parameters: [{'model': 'in', 'parameters': {k: v[0] for k, v in parameters.items()}},
                                {'model': 'rl', 'parameters': {k: v[1] for k, v in parameters.items()}}]
    over = {'base_model': 'base'}
    return {
        'passthrough scaled': {'merge_method': 'passthrough', 'models': [{'model': 'in'}], 'parameters': {'scale': 0.5}},
        'linear': {'merge_method': 'linear', 'models': two(weight=(0.3, 0.9))},
        'linear normalised': {'merge_method': 'linear', 'models': two(weight=(0.3, 0.9)), 'parameters': {'normalize': True}},
        'slerp': {'merge_method': 'slerp', 'models': [{'model': 'base'}, {'model': 'in'}], 'parameters': {'t': 0.3}, **over},
        'slerp of near models': {'merge_method': 'slerp', 'models': [{'model': 'in'}, {'model': 'rl'}], 'parameters': {'t': 0.3}},
        'task_arithmetic': {'merge_method': 'task_arithmetic', 'models': two(weight=(0.7, -0.4)), 'parameters': {'lambda': 1.5}, **over},
        'ties': {'merge_method': 'ties', 'models': two(weight=(0.6, 0.8), density=(0.3, 0.5)), 'parameters': {'lambda': 0.9}, **over},
        'ties not normalised': {'merge_method': 'ties', 'models': two(density=(0.3, 0.5)), 'parameters': {'normalize': False}, **over},
        'dare_linear': {'merge_method': 'dare_linear', 'models': two(weight=(0.6, 0.8), density=(0.3, 0.5)), 'seed': 7, **over},
        'dare_ties': {'merge_method': 'dare_ties', 'models': two(weight=(0.6, 0.8), density=(0.3, 0.5)), 'seed': 7, **over},
        'model_stock': {'merge_method': 'model_stock', 'models': two(), **over},
        'ram': {'merge_method': 'ram', 'models': two(), 'parameters': {'epsilon': 1e-3}, **over},
        'noise': {'merge_method': 'noise', 'models': [{'model': 'in'}], 'parameters': {'ratio': 0.4}, 'seed': 7},
        'linear over depth': {'merge_method': 'linear', 'models': [{'model': 'in', 'parameters': {'weight': [0, 1]}},
                                                                   {'model': 'rl', 'parameters': {'weight': [{'filter': 'mlp', 'value': [1, 0.4]}, {'value': 0.25}]}}]},
    }


def merged(name, models):
    base, sft, rl = (models[label][name] for label in ('base', 'in', 'rl'))
    deltas = [sft - base, rl - base]
    mask = lambda d, p, i: d * keep(d.shape, p, draw_seed(7, internal(name), i)) / p
    dropped = [mask(deltas[0], 0.3, 0), mask(deltas[1], 0.5, 1)]
    depth = int(name.split('.')[2]) / 3  # of the last layer
    return {
        'passthrough scaled': 0.5 * sft,
        'linear': linear([sft, rl], [0.3, 0.9]),
        'linear normalised': linear([sft, rl], [0.3, 0.9], normalize=True),
        'slerp': slerp(base, sft, 0.3),
        'slerp of near models': slerp(sft, rl, 0.3),
        'task_arithmetic': base + 1.5 * (0.7 * deltas[0] - 0.4 * deltas[1]),
        'ties': base + 0.9 * elect([trim(deltas[0], 0.3), trim(deltas[1], 0.5)], [0.6, 0.8], True),
        'ties not normalised': base + elect([trim(deltas[0], 0.3), trim(deltas[1], 0.5)], [1, 1], False),
        'dare_linear': base + 0.6 * dropped[0] + 0.8 * dropped[1],
        'dare_ties': base + elect(dropped, [0.6, 0.8], True),
        'model_stock': model_stock(base, deltas),
        'ram': ram(base, deltas, 1e-3),
        'noise': noise(sft, 0.4, normal(sft.shape, draw_seed(7, internal(name), 0))),
        'linear over depth': linear([sft, rl], [depth, 1 - 0.6 * depth if 'mlp' in name else 0.25]),
    }


# --- a splice in transformers ----------------------------------------------------------------------------------------

def spliced_logits(models, splice_of):
    """Logits of the last token of a prompt, in float32, of the model that takes the decoder layers of `splice_of` from RL."""
    from transformers import AutoModelForImageTextToText
    layer = lambda name: int(name.split('.')[2]) if name.startswith('model.layers.') else None
    state = {name: models['rl' if layer(name) in splice_of else 'in'][name] for name in models['in']}
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(SHAPE, folder, dirs_exist_ok=True)
        save_file({name: torch.from_numpy(w).to(torch.bfloat16) for name, w in state.items()}, f'{folder}/model.safetensors', {'format': 'pt'})
        model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, attn_implementation='eager').eval()
        ids = [[72, 101, 108, 108, 111, 44, 32, 119, 111, 114, 108, 100]]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor(ids)).logits[0, -1]
    return {'input_ids': ids, 'logits': logits.tolist()}


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    models = trio()
    for label, state in models.items():
        (OUT / label).mkdir(parents=True)
        names = {name: nested(name) if label == 'base' else name for name in state}
        save_file({names[name]: torch.from_numpy(w).to(torch.bfloat16) for name, w in state.items()},
                  OUT / label / 'model.safetensors', {'format': 'pt'})
    results = {name: merged(name, models) for name in MATRICES}
    encoded = lambda w: base64.b64encode(w.astype('<f8').tobytes()).decode()
    expected = {
        'energy': energy(models),
        'histogram': histogram(models),
        'topk': TOPK,
        'spectrum': spectrum(models),
        'methods': {
            method: {'recipe': recipe, 'parameters': {internal(name): encoded(results[name][method]) for name in MATRICES}}
            for method, recipe in recipes().items()
        },
        'splice': {'text': 'IN early 1/3 + RL late 2/3', **spliced_logits(models, {1, 2, 3})},
    }
    (OUT / 'expected.json').write_text(json.dumps(expected, separators=(',', ':')) + '\n')
    print(f'{sum(path.stat().st_size for path in OUT.rglob("*") if path.is_file()) / 1e6:.2f} MB in {OUT}')


if __name__ == '__main__':
    main()
