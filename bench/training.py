"""The rival of bench/training.ts: transformers and PyTorch eager on the same checkpoint. Reads one JSON request a line, answers one JSON line.

Needs torch (2.13 for the CPU), transformers 5.17 and Pillow.
"""

import json
import sys
import time

import torch
from PIL import Image
from transformers import Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil


class Rival:
    def __init__(self, setup: dict) -> None:
        torch.set_num_threads(setup["threads"])
        self.directory = setup["checkpoint"]
        processor = Qwen2VLImageProcessorPil(min_pixels=3136, max_pixels=12845056)
        self.pixels = processor(images=[Image.open(setup["picture"]).convert("RGB")], return_tensors="pt")
        self.ids, self.first, self.rows = torch.tensor([setup["ids"]]), setup["first"], setup["rows"]
        self.model = self.load()

    def load(self) -> torch.nn.Module:
        return Qwen2_5_VLForConditionalGeneration.from_pretrained(self.directory, dtype=torch.float32)

    def inputs(self, ids: torch.Tensor, rows: int) -> dict:
        ids = ids.expand(rows, -1)
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "mm_token_type_ids": (ids == self.model.config.image_token_id).int(),
            "pixel_values": self.pixels["pixel_values"].repeat(rows, 1),
            "image_grid_thw": self.pixels["image_grid_thw"].repeat(rows, 1),
        }

    def freeze(self, prefixes: list[str]) -> None:
        self.model = self.load()
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(not name.removeprefix("model.").startswith(tuple(prefixes)))
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-5, weight_decay=0, fused=True)
        self.trained = trained

    def step(self) -> None:
        """Logits only where a reply is predicted, as the engine computes them."""
        self.optimizer.zero_grad()
        count = self.ids.shape[1] - self.first
        logits = self.model(**self.inputs(self.ids, self.rows), use_cache=False, logits_to_keep=count + 1).logits
        targets = self.ids[:, self.first :].expand(self.rows, -1)
        torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten()).backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()

    @torch.no_grad()
    def rollout(self, replies: int, new_tokens: int) -> None:
        self.model.generation_config.eos_token_id = None
        given = self.inputs(self.ids[:, : self.first], 1)
        self.model.generate(
            **given, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, num_return_sequences=replies,
            min_new_tokens=new_tokens, max_new_tokens=new_tokens, repetition_penalty=1.0, pad_token_id=0,
        )  # fmt: skip


def seconds(work) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    rival = Rival(json.loads(sys.stdin.readline()))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        if request["what"] == "freeze":
            rival.freeze(request["prefixes"])
        elif request["what"] == "step":
            answer = {"seconds": seconds(rival.step)}
        else:
            answer = {"seconds": seconds(lambda: rival.rollout(request["replies"], request["new_tokens"]))}
        print(json.dumps(answer), flush=True)


main()
