"""Writes test/fixtures/statistics/numpy.json: what NumPy's legacy RandomState draws, for src/statistics to equal.

    python scripts/fixtures_statistics.py        (needs numpy)
"""

import json
import math
from pathlib import Path

import numpy as np

TRIPLES = [(n, k, seed) for seed in (0, 1, 42, 123, 4294967295)
           for n, k in ((1, 1), (2, 1), (7, 3), (64, 64), (100, 100), (304, 100), (500, 100), (788, 100), (1319, 100), (3040, 100))]


def choice(n, k, seed):
    return sorted(np.random.RandomState(seed).choice(np.arange(n), size=k, replace=False).tolist())


def stream(seed):
    """Every kind of draw in one go: the order in which they consume the stream is part of the contract."""
    state = np.random.RandomState(seed)
    shuffled = np.arange(10)
    state.shuffle(shuffled)
    return {
        'seed': seed,
        'random_sample': state.random_sample(5).tolist(),
        'randint': state.randint(-3, 1000, size=8).tolist(),
        'randint_full': state.randint(0, 2**32, size=3).tolist(),
        'randint_one': state.randint(5, 6, size=2).tolist(),
        'permutation': state.permutation(13).tolist(),
        'choice': state.choice(50, size=6, replace=False).tolist(),
        'shuffle_first': shuffled.tolist(),
        'random_sample_late': state.random_sample(1300)[-3:].tolist(),
    }


def bootstrap(values, resamples, level, seed):
    state = np.random.RandomState(seed)
    values = np.asarray(values, dtype=np.float64)
    means = [values[state.randint(0, len(values), size=len(values))].mean() for _ in range(resamples)]
    low, high = np.percentile(means, [50 * (1 - level), 50 * (1 + level)])
    return {'values': values.tolist(), 'resamples': resamples, 'level': level, 'seed': seed,
            'estimate': values.mean(), 'low': low, 'high': high}


def mcnemar(tf, ft):
    n, k = tf + ft, min(tf, ft)
    exact = 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n
    return {'TF': tf, 'FT': ft, 'p': min(1.0, exact)}


fixture = {
    'numpy': np.__version__,
    'choice': [{'n': n, 'k': k, 'seed': seed, 'ids': choice(n, k, seed)} for n, k, seed in TRIPLES],
    'streams': [stream(seed) for seed in (0, 123, 2**32 - 1, [1, 2, 3, 4], [123])],
    'bootstrap': [
        bootstrap([1] * 34 + [0] * 66, 500, 0.95, 123),
        bootstrap([0.5, 2.25, -1, 4, 4, 10], 200, 0.9, 7),
        bootstrap([1], 10, 0.95, 0),
    ],
    'mcnemar': [mcnemar(*pair) for pair in ((0, 0), (0, 1), (2, 8), (5, 5), (10, 25), (120, 80), (300, 400), (900, 1100))],
}
target = Path(__file__).parent.parent / 'test' / 'fixtures' / 'statistics' / 'numpy.json'
target.parent.mkdir(parents=True, exist_ok=True)
target.write_text(json.dumps(fixture, separators=(',', ':')) + '\n')
