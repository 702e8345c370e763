"""The rival of bench/model.ts: transformers on the same checkpoint. Reads one JSON request a line, answers one JSON line.

Needs torch (2.13 for the CPU), transformers 5.17 and Pillow.
"""

import json
import sys
import time

import torch
from PIL import Image
from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil


def seconds(work):
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


@torch.no_grad()
def main(directory: str, picture: str, question: str, device: str) -> None:
    load_s, model = seconds(lambda: Qwen2_5_VLForConditionalGeneration.from_pretrained(directory, dtype=torch.bfloat16).to(device))
    model.eval()
    model.generation_config.eos_token_id = None
    tokenizer = AutoTokenizer.from_pretrained(directory)
    processor = Qwen2VLImageProcessorPil(min_pixels=3136, max_pixels=12845056)
    preprocess_s, pixels = seconds(lambda: processor(images=[Image.open(picture).convert("RGB")], return_tensors="pt"))
    pads = int(pixels["image_grid_thw"].prod()) // 4
    messages = [{"role": "user", "content": "\x00" + question}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    text = text.replace("\x00", "<|vision_start|>" + "<|image_pad|>" * pads + "<|vision_end|>")
    inputs = {name: value.to(device) for name, value in {**tokenizer(text, return_tensors="pt"), **pixels}.items()}
    inputs["mm_token_type_ids"] = (inputs["input_ids"] == model.config.image_token_id).int()
    print(json.dumps({"load_s": load_s, "preprocess_s": preprocess_s, "tokens": inputs["input_ids"].shape[1]}), flush=True)

    def visual() -> None:
        model.model.visual(inputs["pixel_values"].bfloat16(), grid_thw=inputs["image_grid_thw"])
        if device != "cpu":
            torch.cuda.synchronize()

    def generate(new_tokens: int) -> float:
        options = {"max_new_tokens": new_tokens, "min_new_tokens": new_tokens, "do_sample": False, "repetition_penalty": 1.0}
        return seconds(lambda: model.generate(**inputs, **options))[0]

    for line in sys.stdin:
        new_tokens = json.loads(line)["new_tokens"]
        vision = seconds(visual)[0]
        first = generate(1)
        whole = generate(1 + new_tokens)
        result = {"vision_s": vision, "prefill_s": first - vision, "prompt_s": first, "decode_tokens_per_s": new_tokens / (whole - first)}
        print(json.dumps(result), flush=True)


main(*sys.argv[1:])
