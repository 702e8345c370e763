"""The chain of bench/operators.ts in Python torch: python bench/operators.py"""

import time

import torch

torch.set_num_threads(1)


def chain(x, y):
    value = x.mul(0.5)
    for _ in range(333):
        value = value.add(y).mul(0.5).relu()
    return value


with torch.no_grad():
    for size in (4, 64, 256):
        x, y = torch.ones(size, size), torch.full((size, size), 0.5)
        best = float("inf")
        for _ in range(100):
            begun = time.perf_counter()
            chain(x, y)
            best = min(best, time.perf_counter() - begun)
        print(f"{size} × {size}: {best * 1e3:.2f} ms for 1,000 operators")
