"""The table of known model families: which frame, form, part order and picture preparation goes with a model id.

Facts only, each with its source; "grounding adapters" are those that ClawGUI-Eval, ScreenSpot-Pro-GUI-Grounding and
Phi-Ground publish for each model. What no source states is None,
and asking for it is a `UsageError`: a frame is never guessed, neither from the range of a number nor from a name that
only looks like another. Knows no weights and no server.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from deixis.browser.errors import OutputError, UsageError
from deixis.browser.types import Box, Frozen, Point
from deixis.vlm.frames import (
    AsIs,
    Bins,
    Fit,
    Frame,
    PaddedCanvas,
    Pixels,
    Relative,
    Resize,
    SmartResize,
    Within,
    to_css,
)
from deixis.vlm.points import Form, parse

PERCENT = Relative(whole=100, decimals=1)
PER_MILLE = Relative(whole=1000, decimals=0)
UNIT = Relative(whole=1, decimals=2)
SENT = Pixels(of="sent")
RESIZED = Pixels(of="resized")
QWEN_2_5 = SmartResize(factor=28)
"""Smart resizing with the factor of Qwen2.5-VL and limits that the checkpoint's own config sets."""


MOLMO_STYLES = {
    "count": "How many {question} are there?",
    "clock": "clocks: What time is being shown?",
    "caption": "Describe this image.",
    **{name: name + ": {question}" for name in ("vqa2", "text_vqa", "doc_qa", "chart_qa", "ai2_diagram")},
}
"""Questions of people carry no prefix; those like an academic set's carry its name. Source: as Molmo's prompts."""


class Family(Frozen):
    """Models that point in the same way. Patterns match the last part of an id (`owner/name`), in lower case."""

    name: str
    pattern: str
    """A regular expression for the whole name, without the suffixes of tunings and number formats in SUFFIXES."""
    frame: Frame | None
    """None: no source says how these models name places, or they do not."""
    form: Form | None
    """None: no source says."""
    source: str
    fit: Fit = AsIs()
    """How the picture is prepared before it is sent."""
    image_first: bool = True
    """Whether the picture comes before the words in a request."""
    prompt: str | None = None
    """The words a model was trained to be asked with, `{target}` in them; None: any, with an example of its form."""
    styles: Mapping[str, str] = {}
    """Other words it was trained to be asked with, by style: `{question}` in them (`abilities`)."""
    request: Mapping[str, object] = {}
    """More fields of a request to a server, as its makers run it."""
    crops: int | None = None
    """The most crops the model cuts a picture into as its makers run it; more than it was trained with hurts pointing."""


SUFFIXES = (
    r"(?:[-_.:](?:instruct|thinking|chat|it|hf|sft|dpo|preview|latest|gguf|mlx|awq|gptq|exl2|fp8|fp16|bf16|int4|int8|"
    r"[0-9]{1,3}bit|q[0-9][a-z0-9_]{0,8}|dynamic|quantized|[0-9]{4}))*"
)
"""What may follow a family's name without changing how the model points: tuning, number format, date."""
_SIZE = r"(?:[-_:][0-9.]{1,5}b)?(?:[-_]a[0-9.]{1,4}b)?"

FAMILIES = (
    # ---- percent of the picture
    Family(
        name="Molmo",
        pattern=r"molmo-(?:72b|7b-d|7b-o)|molmoe-1b",
        frame=PERCENT,
        form="molmo_xml",
        prompt="Point to {target}",
        styles=MOLMO_STYLES,
        crops=12,
        source="allenai/molmo, olmo/data/data_formatter.py, olmo/data/model_preprocessor.py",
    ),
    Family(
        name="MolmoWeb",
        pattern=r"molmoweb-(?:4b|8b)(?:-native)?",
        frame=PERCENT,
        form="molmoweb_json",
        prompt="web_grounding: \n# GOAL\n{target}\n\n# ACTION\n\n",
        styles={"answer": "screenshot_qa: \n# GOAL\n{question}\n\n# ACTION\n\n"},
        crops=8,
        source="allenai/molmoweb, agent/actions.py",
    ),
    # ---- per mille of the picture
    Family(
        name="Molmo2",
        pattern=r"molmo2-(?:4b|8b|o-7b)",
        frame=PER_MILLE,
        form="molmo2_coords",
        prompt="Point to {target}",
        styles=MOLMO_STYLES,
        crops=24,
        source="allenai/molmo2, olmo/preprocessing/point_formatter.py",
    ),
    Family(
        name="Qwen3-VL",
        pattern=rf"qwen3(?:[-_.]?vl|\.5){_SIZE}",
        frame=PER_MILLE,
        form="computer_use",
        source="grounding adapters",
    ),
    Family(
        name="GUI-Owl-1.5",
        pattern=rf"gui-owl-1\.5{_SIZE}",
        frame=PER_MILLE,
        form="computer_use",
        source="grounding adapters; built on Qwen3-VL and answering with its tool call (arXiv 2602.16855)",
    ),
    Family(
        name="UI-Venus-1.5",
        pattern=rf"ui-venus-1\.5{_SIZE}",
        frame=PER_MILLE,
        form="bracket_point",
        source="grounding adapters",
    ),
    Family(
        name="MAI-UI",
        pattern=rf"mai-ui{_SIZE}",
        # The adapters have it under 0-1000; its own code divides by 999 (SCALE_FACTOR).
        frame=Relative(whole=999, decimals=0),
        form="coordinate_json",
        image_first=False,
        source="grounding adapters (part order); Tongyi-MAI/MAI-UI, src/mai_grounding_agent.py (scale, form)",
    ),
    Family(
        name="Holo2",
        pattern=rf"holo[234](?:\.[0-9])?{_SIZE}",
        frame=PER_MILLE,
        form="xy_json",
        request={"chat_template_kwargs": {"enable_thinking": False}},
        source="grounding adapters: Holo2, Holo3, Holo4; their cards (no thinking)",
    ),
    Family(
        name="Gemini",
        pattern=r"gemini-[0-9.]{1,4}(?:-(?:pro|flash|flash-lite))?",
        frame=Relative(whole=1000, decimals=0, order="yx"),
        form="box_2d",
        source="grounding adapters: y first for boxes; ai.google.dev, image understanding (box_2d)",
    ),
    Family(
        name="Seed",
        pattern=r"(?:doubao-)?seed-?[0-9.]{1,4}(?:-vl)?",
        frame=PER_MILLE,
        form="point_tag",
        source="grounding adapters",
    ),
    Family(
        name="UGround-V1",
        pattern=rf"uground-v1{_SIZE}",
        frame=PER_MILLE,
        form="paren_point",
        source="OSU-NLP-Group/UGround, README",
    ),
    Family(
        name="OS-Atlas",
        pattern=rf"os-atlas(?:-base|-pro)?{_SIZE}",
        frame=PER_MILLE,
        form="double_bracket_box",
        source="grounding adapters",
    ),
    Family(name="Aria-UI", pattern=r"aria-ui", frame=PER_MILLE, form="double_bracket_box", source="grounding adapters"),
    Family(
        name="CogAgent",
        pattern=rf"cogagent{_SIZE}",
        frame=PER_MILLE,
        form="double_bracket_box",
        source="grounding adapters",
    ),
    Family(
        name="InternVL",
        pattern=rf"internvl[0-9._]{{0,4}}{_SIZE}",
        frame=PER_MILLE,
        form="box_tag",
        source="grounding adapters",
    ),
    Family(
        name="Gemma 4", pattern=rf"gemma-?4{_SIZE}", frame=PER_MILLE, form=None, source="grounding adapters: no form"
    ),
    Family(name="Kimi K2.5", pattern=r"kimi-k2\.5", frame=PER_MILLE, form=None, source="grounding adapters: no form"),
    Family(
        name="StepGUI",
        pattern=rf"(?:gelab-zero|step-?gui){_SIZE}",
        frame=Relative(whole=999, decimals=0),
        form="colon_point",
        source="grounding adapters: point:x,y over 999",
    ),
    Family(
        name="UI-TARS",
        pattern=r"ui-tars-(?:2b|7b|72b)",
        frame=PER_MILLE,
        form="start_box",
        source="bytedance/UI-TARS, codes/ui_tars/action_parser.py: those built on Qwen2-VL divide by a factor of 1000",
    ),
    # ---- pixels of the smart-resized picture
    Family(
        name="Qwen2.5-VL",
        pattern=rf"qwen2\.5[-_]?vl{_SIZE}",
        frame=RESIZED,
        form="computer_use",
        fit=SmartResize(factor=28, min_pixels=4 * 28 * 28, max_pixels=16384 * 28 * 28),
        source="grounding adapters: factor 28; qwen_vl_utils, vision_process: limits",
    ),
    Family(
        name="UI-TARS-1.5",
        pattern=rf"ui-tars-1\.5{_SIZE}",
        frame=RESIZED,
        form="start_box",
        fit=SmartResize(factor=28, min_pixels=100 * 28 * 28, max_pixels=16384 * 28 * 28),
        source="bytedance/UI-TARS, README_coordinates, codes/ui_tars/action_parser.py",
    ),
    Family(
        name="OpenCUA",
        pattern=rf"opencua{_SIZE}",
        frame=RESIZED,
        form="pyautogui",
        fit=QWEN_2_5,
        source="grounding adapters; xlang-ai/OSWorld, mm_agents/opencua_agent.py (form)",
    ),
    Family(
        name="GTA1",
        pattern=rf"gta1{_SIZE}",
        frame=RESIZED,
        form="paren_point",
        fit=QWEN_2_5,
        source="Yan98/GTA1, README: the system prompt gives the resized width and height",
    ),
    Family(
        name="Holo1",
        pattern=rf"holo1(?:\.5)?{_SIZE}",
        frame=RESIZED,
        form="click_absolute",
        fit=QWEN_2_5,
        source="grounding adapters: Holo1 and Holo1.5",
    ),
    Family(
        name="InfiGUI-G1",
        pattern=rf"infigui-g1{_SIZE}",
        frame=RESIZED,
        form="point_2d",
        fit=QWEN_2_5,
        source="grounding adapters",
    ),
    Family(
        name="Fara",
        pattern=rf"fara{_SIZE}",
        frame=RESIZED,
        form="computer_use",
        fit=SmartResize(factor=28, min_pixels=4 * 28 * 28, max_pixels=16384 * 28 * 28),
        source="grounding adapters; microsoft/fara, its computer_use tool (form, limits)",
    ),
    Family(
        name="GUI-G2",
        pattern=rf"gui-g2{_SIZE}",
        frame=RESIZED,
        form="bracket_box",
        fit=QWEN_2_5,
        source="grounding adapters: boxes",
    ),
    Family(
        name="UI-Venus-1.0",
        pattern=r"ui-venus(?:-ground|-navi)?-(?:7b|72b)",
        frame=RESIZED,
        form="bracket_box",
        fit=QWEN_2_5,
        source="grounding adapters: boxes",
    ),
    # ---- pixels of the picture sent
    Family(
        name="Claude",
        pattern=r"claude-[a-z0-9.-]{1,40}",
        frame=SENT,
        form="coordinate_json",
        fit=Within(side=1568, pixels=1_150_000),
        source="grounding adapters; Anthropic's documentation of the computer use tool (form) and of vision (limits)",
    ),
    Family(
        name="OpenAI computer use",
        pattern=r"computer-use-preview|gpt-5\.4",
        frame=SENT,
        form="xy_json",
        source="grounding adapters; OpenAI's documentation of the computer use tool (form)",
    ),
    Family(name="Vocaela", pattern=r"vocaela-500m", frame=SENT, form=None, source="grounding adapters: JSON, no keys"),
    # ---- 0 to 1
    Family(name="ShowUI", pattern=rf"showui{_SIZE}", frame=UNIT, form="bracket_point", source="grounding adapters"),
    Family(name="SeeClick", pattern=rf"seeclick{_SIZE}", frame=UNIT, form="paren_point", source="grounding adapters"),
    Family(
        name="Smol2Operator",
        pattern=r"(?:smolvlm2-2\.2b-instruct-agentic-gui|smol2operator)",
        frame=Relative(whole=1, decimals=3),
        form="call",
        source="huggingface/smol2operator, README",
    ),
    Family(
        name="Kimi-VL",
        pattern=r"kimi-vl-a3b(?:-thinking)?",
        frame=Relative(whole=1, decimals=3),
        form="pyautogui",
        source="grounding adapters",
    ),
    # ---- a padded canvas
    Family(
        name="Phi-Ground",
        pattern=r"phi-ground(?:-4b)?(?:-[0-9]{1,2}c)?",
        frame=Relative(whole=1000, decimals=0, of="canvas"),
        form="point_tag",
        fit=PaddedCanvas(width=3 * 336, height=2 * 336),
        image_first=False,
        source="microsoft/Phi-Ground, README (canvas, part order), examples/call_example.py (form)",
    ),
    # ---- location tokens
    Family(
        name="Florence-2",
        pattern=r"florence-2-(?:base|large)(?:-ft)?",
        frame=Bins(count=1000),
        form="loc_box",
        prompt="Locate the phrases in the caption: {target}",
        styles={
            "caption": "What does the image describe?",
            "detailed_caption": "Describe in detail what is shown in the image.",
            "ocr": "What is the text in the image?",
        },
        source="grounding adapters; transformers, processing_florence2 (prompt)",
    ),
    Family(
        name="TinyClick", pattern=r"tinyclick", frame=Bins(count=1000), form="loc_point", source="grounding adapters"
    ),
    Family(
        name="GoClick",
        pattern=r"goclick(?:-base|-large)?",
        frame=Bins(count=1000),
        form="loc_point",
        source="grounding adapters",
    ),
    Family(
        name="PaliGemma",
        pattern=r"paligemma2?(?:-[0-9]{1,2}b)?(?:-(?:pt|mix|ft[a-z0-9-]{0,20}))?(?:-[0-9]{3})?",
        frame=Bins(count=1024, order="yx"),
        form="padded_loc_box",
        source="grounding adapters: y first",
    ),
    Family(
        name="Kosmos-2",
        pattern=r"kosmos-2(?:-patch14-224)?",
        frame=Bins(count=32),
        form="patch_index",
        source="grounding adapters; transformers, processing_kosmos2: 32 x 32 patches, each corner at its patch's middle",
    ),
    # ---- pointer heads: the numbers do not come from the text
    Family(
        name="MolmoPoint",
        pattern=r"molmopoint-(?:8b|vid-4b)",
        frame=None,
        form="pointer_head",
        source="allenai/molmo2, MOLMO_POINT_README.md: three tokens a point, read by the processor",
    ),
    Family(
        name="MolmoPoint-GUI",
        pattern=r"molmopoint-gui-8b",
        frame=None,
        form="pointer_head",
        crops=64,
        source="allenai/molmo2, MOLMO_POINT_README.md: three tokens a point, read by the processor",
    ),
    Family(
        name="GUI-Actor",
        pattern=r"gui-actor(?:-verifier)?-(?:2b|3b|7b)(?:-qwen2(?:\.5)?-vl)?",
        frame=Relative(whole=1, decimals=4),
        form="pointer_head",
        source="microsoft/GUI-Actor: attention over patches, topk_points from 0 to 1",
    ),
    # ---- models that people run and that no source gives a frame
    Family(
        name="Qwen2-VL",
        pattern=rf"qwen2-vl{_SIZE}",
        frame=None,
        form=None,
        source="transformers' documentation, which names no frame",
    ),
    Family(
        name="Llama 3.2 Vision",
        pattern=r"llama-?3\.2-(?:11b|90b)-vision|llama3\.2-vision(?::(?:11b|90b))?",
        frame=None,
        form=None,
        source="Mllama's documentation: cross-attention on a frozen text model; no pointing",
    ),
    Family(
        name="Chameleon",
        pattern=r"chameleon-(?:7b|30b)",
        frame=None,
        form=None,
        source="Chameleon's documentation: early fusion; no pointing",
    ),
    Family(
        name="SmolVLM",
        pattern=r"smolvlm2?-(?:256m|500m|2\.2b)(?:-video)?",
        frame=None,
        form=None,
        source="huggingface/smol2operator, README: 0 on ScreenSpot-v2 before Smol2Operator's training",
    ),
    Family(
        name="Gemma 3",
        pattern=rf"gemma-?3n?{_SIZE}",
        frame=None,
        form=None,
        source="transformers' documentation, which names no frame",
    ),
)


class Found(NamedTuple):
    """What a model found, in CSS pixels of the viewport, in the order of its text."""

    places: tuple[Point | Box, ...]
    refused: bool
    """The model says that what was asked for is not there."""

    @property
    def points(self) -> tuple[Point, ...]:
        """Where to click: points as they are, boxes by their middle."""
        return tuple(place if isinstance(place, Point) else place.centre for place in self.places)


def family_of(model: str) -> Family:
    """The family of a model id or of a family's own name.

    UsageError for an id that the table does not know: a tuned model may point otherwise than its base, so only
    suffixes that say nothing about that are looked over.
    """
    last = model.rstrip("/").rpartition("/")[2]
    for family in FAMILIES:
        if model == family.name or re.fullmatch(f"(?:{family.pattern}){SUFFIXES}", last.lower()):
            return family
    names = ", ".join(family.name for family in FAMILIES)
    raise UsageError(
        f"how {model!r} names places is not known: give the family whose frame it shares, as MODEL=FAMILY@URL ({names})"
    )


def read(text: str, family: Family, resize: Resize) -> Found:
    """A model's text -> CSS pixels. OutputError when it cannot be read or points outside of the picture that was sent,
    UsageError when no source says how this family names places."""
    if family.form is None or (family.frame is None and family.form != "pointer_head"):
        raise UsageError(f"how {family.name} names places is not known ({family.source}): it cannot be asked to point")
    answer = parse(text, family.form, family.frame.order if family.frame else "xy")
    if family.frame is None:
        raise OutputError(f"{family.name} names places in no frame that is known")
    return Found(tuple(to_css(mark, family.frame, resize) for mark in answer.marks), answer.refused)
