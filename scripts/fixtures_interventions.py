"""Makes test/fixtures/interventions.json: what forward hooks of transformers do to logits at prefill and decode.

    OMP_NUM_THREADS=1 python scripts/fixtures_interventions.py [--out test/fixtures]
"""

import argparse
import base64
import math
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import torch

from fixtures import oracle
from fixtures.files import write_json

PROMPT = [84, 104, 101, 32, 115, 107, 121, 32, 105, 115]
OTHER = [65, 32, 99, 97, 116, 32, 115, 97, 116, 115]
LAYER = 2
NEW_TOKENS = 6
MODELS = ["hub-tied", "v5-sharded", "qwen2-text"]


def first(output):
    return output[0] if isinstance(output, tuple) else output


def like(output, value):
    return (value, *output[1:]) if isinstance(output, tuple) else value


def vector(width: int, dtype: torch.dtype) -> torch.Tensor:
    """The same numbers as the test makes: 2 sin(i)."""
    return torch.tensor([2 * math.sin(i) for i in range(width)], dtype=torch.float64).to(torch.float32).to(dtype)


def hooks(model, captured):
    """name -> list of handles, attached to layer 2. Prefill is told by its many tokens."""
    layer = oracle.decoder(model).layers[LAYER]
    config = oracle.decoder(model).config
    head_dim = config.hidden_size // config.num_attention_heads
    direction = vector(config.hidden_size, model.dtype)

    def at_positions(value, positions, change):
        if value.shape[1] == 1:
            return value
        value = value.clone()
        for position in positions:
            value[:, position] = change(value[:, position], position)
        return value

    def zero_mlp(_m, _i, output):
        return torch.zeros_like(output)

    def add_in_prompt(_m, _i, output):
        return like(output, at_positions(first(output), [3, 7], lambda x, _: x + direction))

    def add_in_answer(_m, _i, output):
        value = first(output)
        return like(output, value + direction if value.shape[1] == 1 else value)

    def replace(_m, _i, output):
        return like(output, at_positions(first(output), [1, 4, 9], lambda _, p: captured[:, p]))

    def skip(_m, args, kwargs, output):
        return like(output, args[0] if args else kwargs["hidden_states"])

    def one_head(_m, args):
        value = args[0].clone()
        value[..., head_dim : 2 * head_dim] = 0
        return (value, *args[1:])

    return {
        "plain": lambda: [],
        "zero": lambda: [layer.mlp.register_forward_hook(zero_mlp)],
        "add-prompt": lambda: [layer.register_forward_hook(add_in_prompt)],
        "add-answer": lambda: [layer.register_forward_hook(add_in_answer)],
        "replace": lambda: [layer.register_forward_hook(replace)],
        "skip": lambda: [layer.register_forward_hook(skip, with_kwargs=True)],
        "head": lambda: [layer.self_attn.o_proj.register_forward_pre_hook(one_head)],
    }


@torch.no_grad()
def capture(model) -> torch.Tensor:
    seen = []
    handle = oracle.decoder(model).layers[LAYER].register_forward_hook(lambda _m, _i, output: seen.append(first(output)))
    model(input_ids=torch.tensor([OTHER]))
    handle.remove()
    return seen[0]


@torch.no_grad()
def run(model, tokens=None) -> tuple[list[int], torch.Tensor]:
    """Greedy decoding through the cache, or along `tokens`; logits of every step."""
    past, ids, chosen, logits = None, torch.tensor([PROMPT]), [], []
    for step in range(NEW_TOKENS):
        out = model(input_ids=ids, past_key_values=past, use_cache=True)
        past = out.past_key_values
        logits.append(out.logits[0, -1])
        chosen.append(int(out.logits[0, -1].argmax()) if tokens is None else tokens[step])
        ids = torch.tensor([[chosen[-1]]])
    return chosen, torch.stack(logits)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the fixtures of interventions.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "test" / "fixtures")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    result = {"prompt": PROMPT, "other": OTHER, "layer": LAYER, "models": {}}
    for name in MODELS:
        model = oracle.load(out / "models" / name, torch.float32)
        captured = capture(model)
        cases = {}
        for case, attach in hooks(model, captured).items():
            handles = attach()
            tokens, logits = run(model)
            for handle in handles:
                handle.remove()
            cases[case] = {
                "tokens": tokens,
                "logits": base64.b64encode(logits.to(torch.float32).contiguous().numpy().tobytes()).decode(),
            }
        plain = cases["plain"]["logits"]
        assert all(cases[case]["logits"] != plain for case in cases if case != "plain"), name
        result["models"][name] = cases
    write_json(out / "interventions.json", result)


if __name__ == "__main__":
    main()
