"""Does a merged directory load in transformers, with the logits that frankentorch computes of it?

    node dist/cli/main.js capture --model MERGED --prompt "Hello, world" --points language_model.norm --out capture.safetensors --dtype float32
    python scripts/check_merged.py MERGED capture.safetensors

Prints the largest difference of the logits, relative to the largest logit, and fails above 5e-5.
"""

import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

directory, capture = sys.argv[1:]
ours = load_file(capture)
model = AutoModelForImageTextToText.from_pretrained(directory, dtype=torch.float32, attn_implementation='eager').eval()
with torch.no_grad():
    theirs = model(input_ids=ours['input_ids']).logits
error = ((ours['logits'] - theirs).abs().max() / theirs.abs().max()).item()
print(f'{directory}: {theirs.shape[1]} tokens, largest difference {error:.2e} of the largest logit')
sys.exit(error > 5e-5)
