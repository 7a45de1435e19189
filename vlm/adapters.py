"""Models of other makers from a folder, in transformers' own classes: Llama 3.2 Vision, Chameleon, Qwen-VL, and more.

The picture processors are those that need no torchvision. Processors that insist on a video processor are given none:
screens are still pictures. What people write is never read as a control token. To add a family: name its processor in
KINDS, give it a row in `families`, and a tiny checkpoint in tests/tiny_models.py. Knows no points.
"""

import importlib.util
import inspect
import io
import json
import logging
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from PIL import Image
from safetensors import SafetensorError
from transformers.processing_utils import ProcessorMixin

from deixis.browser.errors import SetupError, UsageError
from deixis.vlm.molmo_files import DTYPES
from deixis.vlm.prompted import SHORT, Completion, Heard, Turn

LOG = logging.getLogger(__name__)


class Kind(NamedTuple):
    """How an architecture is asked."""

    processor: str
    """Name of transformers' class."""
    image: str
    """What stands for the picture in a prompt; "" where the processor puts it there itself."""
    video: bool = False
    """Whether the processor insists on a video processor."""
    keeps: bool = False
    """Whether places are special tokens, which must stay in the text."""


KINDS = {
    "mllama": Kind("MllamaProcessor", "<|image|>"),
    "chameleon": Kind("ChameleonProcessor", "<image>"),
    "qwen2_vl": Kind("Qwen2VLProcessor", "<|vision_start|><|image_pad|><|vision_end|>", video=True),
    "qwen2_5_vl": Kind("Qwen2_5_VLProcessor", "<|vision_start|><|image_pad|><|vision_end|>", video=True),
    "qwen3_vl": Kind("Qwen3VLProcessor", "<|vision_start|><|image_pad|><|vision_end|>", video=True),
    "florence2": Kind("Florence2Processor", "", keeps=True),
    "smolvlm": Kind("Idefics3Processor", "<image>"),
    "idefics3": Kind("Idefics3Processor", "<image>"),
    "gemma3": Kind("Gemma3Processor", "<start_of_image>"),
}
"""By the `model_type` of config.json. SmolVLM's prompts are those of Idefics3, whose processor asks for no videos."""


class Likeliest(NamedTuple):
    """The likeliest answer."""

    new: torch.Tensor
    """(tokens of the answer,) ids."""
    tokens: int
    """Of prompt and answer."""
    sure: float
    """The mean probability of the answer's tokens."""


class TransformersChat:
    """One model in this process; answers are the likeliest ones."""

    at_once = 1

    def __init__(self, folder: Path, kind: str, dtype: str = "float32", device: str | None = None) -> None:
        """SetupError when the architecture is not known or files are missing or broken."""
        if dtype not in DTYPES:
            raise SetupError(f"{dtype!r} is no number format for weights: {', '.join(DTYPES)}")
        if kind not in KINDS:
            known = ", ".join([*KINDS, "molmo", "molmo2"])
            raise SetupError(f"{str(folder)!r} is of architecture {kind!r}; these are known: {known}")
        self.model, self.weights_sha256, self.kind = folder.name, "", KINDS[kind]
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.dtype = DTYPES[dtype]
        try:
            self.processor, self.template = processor_of(folder, self.kind)
            self.net = weights_of(folder, self.dtype, self.device)
        except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
            raise SetupError(f"{str(folder)!r} cannot be loaded ({_line(error)}): fetch it again") from error

    @torch.inference_mode()
    def answer(self, turn: Turn, most: int = SHORT, heard: Heard | None = None) -> Completion:
        """heard: is told the whole answer at its end."""
        inputs = self.inputs(turn)
        new, tokens, sure = likeliest(self.net, inputs, most)
        whole = len(new) < most or bool(new[-1] in self._ends())
        text = self._text(new)
        if heard:
            heard(text)
        return Completion(text, whole, tokens, sure)

    def inputs(self, turn: Turn) -> dict[str, Any]:
        """What the model is called with; UsageError for a picture that it does not take."""
        image = [Image.open(io.BytesIO(turn.png)).convert("RGB")] if turn.png else None
        text, begin = self.prompt(turn), self.processor.tokenizer.bos_token
        begun = {"add_special_tokens": False} if begin and text.startswith(begin) else {}
        try:
            inputs = self.processor(text=[text], images=image, return_tensors="pt", **begun)
        except ValueError as error:
            raise UsageError(f"{self.model!r} does not take this picture and question: {_line(error)}") from error
        inputs = inputs.to(self.device)
        return {k: v.to(self.dtype) if v.is_floating_point() else v for k, v in inputs.items()}

    def prompt(self, turn: Turn) -> str:
        """The turn in the model's own roles, or bare where it has none."""
        text, image = self._bare(turn.text), self.kind.image if turn.png else ""
        if self.template is None:
            return f"{image}{text}" if turn.image_first else f"{text}{image}"
        parts = [{"type": "image"}] if turn.png else []
        words = [{"type": "text", "text": text}]
        content = parts + words if turn.image_first else words + parts
        system = [{"role": "system", "content": [{"type": "text", "text": turn.system}]}] if turn.system else []
        out = self.processor.tokenizer.apply_chat_template(
            [*system, {"role": "user", "content": content}],
            chat_template=self.template, tokenize=False, add_generation_prompt=True,
        )  # fmt: skip
        return str(out)

    def _bare(self, text: str) -> str:
        """Without control tokens: a target or a question may come from a page."""
        specials = [*self.processor.tokenizer.all_special_tokens, self.kind.image]
        for token in sorted(filter(None, specials), key=len, reverse=True):
            text = text.replace(token, " ")
        return text

    def _ends(self) -> list[int]:
        ends = self.net.generation_config.eos_token_id
        return ends if isinstance(ends, list) else [] if ends is None else [ends]

    def _text(self, new: torch.Tensor) -> str:
        tokenizer = self.processor.tokenizer
        if not self.kind.keeps:
            return str(tokenizer.decode(new, skip_special_tokens=True))
        around = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
        return str(tokenizer.decode([token for token in new.tolist() if token not in around]))


def weights_of(folder: Path, dtype: torch.dtype, device: str) -> Any:
    """The model, filled tensor by tensor; spread over the GPUs that are there when accelerate is.

    ValueError when weights are missing; unknown ones are only logged, since published copies carry some.
    """
    spread: dict[str, Any] = {"device_map": "auto"} if device == "cuda" and _has_accelerate() else {}
    loaded: Any = transformers.AutoModelForImageTextToText.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True, **spread
    )
    net, report = loaded
    missing, extra = sorted(report["missing_keys"]), sorted(report["unexpected_keys"])
    if missing:
        also = f"; {len(extra)} are unknown: {_some(extra)}" if extra else ""
        raise ValueError(f"{len(missing)} weights are missing: {_some(missing)}{also}")
    if extra:
        LOG.warning("%s: %d weights are unknown and not used: %s", folder, len(extra), _some(extra))
    return (net if spread else net.to(device)).eval().requires_grad_(False)


def likeliest(net: Any, inputs: dict[str, Any], most: int) -> Likeliest:
    """What a transformers model answers to inputs, in at most so many tokens."""
    settings = net.generation_config
    settings.update(
        do_sample=False, temperature=None, top_p=None, top_k=None, max_new_tokens=most, output_logits=True,
        return_dict_in_generate=True,
    )  # fmt: skip
    if settings.pad_token_id is None:
        ends = settings.eos_token_id
        settings.pad_token_id = ends[0] if isinstance(ends, list) else ends
    out = net.generate(**inputs, generation_config=settings)
    new = out.sequences[0, -len(out.logits) :]
    shares = torch.stack(out.logits)[:, 0].float().log_softmax(1).gather(1, new[:, None])[:, 0]
    return Likeliest(new, out.sequences.shape[1], math.exp(float(shares.mean())))


def processor_of(folder: Path, kind: Kind) -> tuple[Any, str | None]:
    """Tokenizer and picture processor of a folder as transformers puts them together, and the template of its turns."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    auto: Any = transformers.AutoImageProcessor
    images = auto.from_pretrained(folder, local_files_only=True, backend="pil")
    whole: type[ProcessorMixin] = getattr(transformers, kind.processor)
    cls = _still(whole) if kind.video else whole
    settings = _settings(folder, whole)
    template = _template(folder) or tokenizer.chat_template
    return cls(image_processor=images, tokenizer=tokenizer, **settings), template


def _still(whole: type[ProcessorMixin]) -> type[ProcessorMixin]:
    """The processor for pictures only: what it makes videos with would need torchvision."""

    class Still(whole):  # type: ignore[valid-type, misc]
        @classmethod
        def get_attributes(cls) -> list[str]:
            return ["image_processor", "tokenizer"]

    return Still


def _settings(folder: Path, whole: type[ProcessorMixin]) -> dict[str, Any]:
    """What processor_config.json says that the processor asks for, as how many tokens stand for a picture."""
    file = folder / "processor_config.json"
    data = json.loads(file.read_text()) if file.is_file() else {}
    asked = inspect.signature(whole.__init__).parameters
    return {k: v for k, v in data.items() if k in asked and isinstance(v, int | str) and k != "chat_template"}


def _template(folder: Path) -> str | None:
    """The template of turns that comes with a processor."""
    bare, packed = folder / "chat_template.jinja", folder / "chat_template.json"
    if bare.is_file():
        return bare.read_text()
    return str(json.loads(packed.read_text())["chat_template"]) if packed.is_file() else None


def _has_accelerate() -> bool:
    return importlib.util.find_spec("accelerate") is not None


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")


def _line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
