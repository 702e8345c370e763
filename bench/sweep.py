"""The rival of bench/sweep.ts: transformers, one answer after another. Reads one JSON request a line, answers one JSON line.

{"kind": "vision", "target": PNG, "source": PNG, "ids": […], "layers": […], "new_tokens": n}: the answer without a swap and with keys and values of
the image swapped from each of the layers on, each by a pass of its own over image and prompt, as the published code does.
{"kind": "reasoning", "ids": […], "layers": […], "new_tokens": n}: the answer of the whole model and without each of the layers.

Needs torch 2.13 (CPU), transformers 5.17 and Pillow.
"""

import json
import sys
import time

import torch
from PIL import Image
from transformers import Qwen2_5_VLForConditionalGeneration
from transformers.cache_utils import DynamicCache
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil


class Rival:
    def __init__(self, directory: str, dtype: str) -> None:
        self.model = Qwen2_5_VLForConditionalGeneration.from_pretrained(directory, dtype=getattr(torch, dtype)).eval()
        self.gaps: list[list[float]] = []
        self.model.generation_config.eos_token_id = None
        self.processor = Qwen2VLImageProcessorPil(min_pixels=3136, max_pixels=12845056)
        self.layers = self.model.model.language_model.layers

    def inputs(self, ids: list[int], picture: str | None = None) -> dict:
        inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
        if picture:
            inputs |= self.processor(images=[Image.open(picture).convert("RGB")], return_tensors="pt")
            inputs["mm_token_type_ids"] = (inputs["input_ids"] == self.model.config.image_token_id).int()
        return inputs

    def generate(self, inputs: dict, new_tokens: int, cache: DynamicCache | None = None) -> list[int]:
        options = {"max_new_tokens": new_tokens, "min_new_tokens": new_tokens, "do_sample": False, "repetition_penalty": 1.0}
        output = self.model.generate(
            **inputs, **options, **({} if cache is None else {"past_key_values": cache}), return_dict_in_generate=True, output_logits=True
        )
        self.gaps.append([lead(logits[0].float()) for logits in output.logits])
        return output.sequences[0, inputs["input_ids"].shape[1] :].tolist()

    def vision(self, target: str, source: str, ids: list[int], layers: list[int], new_tokens: int) -> list[list[int]]:
        given = self.inputs(ids, source)
        cache = DynamicCache()
        self.model(**given, past_key_values=cache, use_cache=True, logits_to_keep=1)
        at = given["input_ids"][0] == self.model.config.image_token_id
        kept = [(layer.keys[:, :, at], layer.values[:, :, at]) for layer in cache.layers]
        replies = [self.generate(self.inputs(ids, target), new_tokens)]
        for first in layers:
            inputs = self.inputs(ids, target)
            here = inputs["input_ids"][0] == self.model.config.image_token_id
            replies.append(self.generate(inputs, new_tokens, SwappedCache(kept, here, first)))
        return replies

    def reasoning(self, ids: list[int], layers: list[int], new_tokens: int) -> list[list[int]]:
        inputs = self.inputs(ids)
        replies = [self.generate(inputs, new_tokens)]
        for layer in layers:
            handle = self.layers[layer].register_forward_hook(
                lambda _m, args, kwargs, output: args[0] if args else kwargs["hidden_states"], with_kwargs=True
            )
            replies.append(self.generate(inputs, new_tokens))
            handle.remove()
        return replies


def lead(logits: torch.Tensor) -> float:
    """Of the first over the second, as a fraction of the largest."""
    first, second = logits.topk(2).values.tolist()
    return (first - second) / float(logits.abs().max())


class SwappedCache(DynamicCache):
    """Takes the source's keys and values at the image positions of the prefill, in the layers from `first` on."""

    def __init__(self, kept: list, here: torch.Tensor, first: int) -> None:
        super().__init__()
        self.kept, self.here, self.first = kept, here, first

    def update(self, key_states, value_states, layer_idx, *args, **kwargs):
        if layer_idx >= self.first and key_states.shape[2] == len(self.here):
            key_states, value_states = key_states.clone(), value_states.clone()
            key_states[:, :, self.here], value_states[:, :, self.here] = self.kept[layer_idx]
        return super().update(key_states, value_states, layer_idx, *args, **kwargs)


@torch.no_grad()
def main(directory: str, dtype: str) -> None:
    rival = Rival(directory, dtype)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        run = getattr(rival, request.pop("kind"))
        rival.gaps = []
        begun = time.perf_counter()
        replies = run(**request)
        print(json.dumps({"seconds": time.perf_counter() - begun, "replies": replies, "gaps": rival.gaps}), flush=True)


main(*sys.argv[1:])
