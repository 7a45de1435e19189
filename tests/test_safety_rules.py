"""Rules that hold whoever plans: consent, confirmations, downloads, and what a run may do without a gate."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from deixis.agent.api import Agent, Run
from deixis.agent.consent import Consenting, Risk, on_this_machine, plain, risky
from deixis.agent.loop import Limits
from deixis.agent.options import RunOptions
from deixis.agent.run import Prepared
from deixis.agent.state import Outcome
from deixis.browser.actions import AnswerDialog, Press, Type
from deixis.browser.errors import Blocked, UsageError
from deixis.browser.secrets import Secret
from deixis.browser.session import SessionConfig
from deixis.browser.types import Box, Hit, Point
from tests.fakes import FixedPointer
from tests.hostile import Site

PAGE = """<!doctype html><body style="margin:0"><style>*{position:absolute;box-sizing:border-box;width:150px;height:30px}body,html,style,script{position:static}</style>
<button style="left:0;top:0" onclick="did('/deleted')">Delete account</button>
<button style="left:200px;top:0" onclick="if (confirm('Delete all files?')) did('/deleted')">Clean up</button>
<button style="left:400px;top:0" onclick="if (confirm('Go on?')) did('/gone-on')">Next</button>
<a style="left:0;top:50px" href="/file" download>File</a><a style="left:200px;top:50px" href="/big" download>Big</a><p id=o style="left:0;top:100px">nothing</p>
<script>function did(path) { fetch(path); o.textContent = path }</script></body>"""
POINTER = FixedPointer(
    {
        "Delete": Point(x=50, y=15),
        "Clean up": Point(x=250, y=15),
        "Next": Point(x=450, y=15),
        "File": Point(x=20, y=60),
        "Big": Point(x=220, y=60),
    }
)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    started = Site()
    started.pages = {
        "/": (200, {}, PAGE),
        "/file": (200, {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment; filename=../../.ssh/x.txt"}, "cargo"),
        "/big": (200, {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment; filename=big.bin"}, "x" * 3_000_000),
    }  # fmt: skip
    yield started
    started.end()


@pytest.mark.parametrize(
    ("task", "consent", "outcome", "path"),
    [
        ("click Delete", False, Outcome.BLOCKED, ""),
        ("click Delete", True, Outcome.FINISHED, "/deleted"),
        ("click Delete", lambda risk: risk.kind != "delete", Outcome.BLOCKED, ""),
        ("click Delete", on_this_machine, Outcome.FINISHED, "/deleted"),
        ("click 'Clean up', accept the dialog", False, Outcome.BLOCKED, ""),
        ("click 'Clean up', dismiss the dialog", False, Outcome.FINISHED, ""),
        ("click 'Clean up', press Tab", False, Outcome.FINISHED, ""),  # a confirmation is never accepted by itself
        ("click 'Clean up', accept the dialog", True, Outcome.FINISHED, "/deleted"),
        ("click Next, accept the dialog", False, Outcome.FINISHED, "/gone-on"),
    ],
)  # fmt: skip
def test_consent(task: str, consent: object, outcome: Outcome, path: str, site: Site, tmp_path: Path) -> None:
    site.seen.clear()
    options = Run(out=tmp_path / "run", consent=consent, report=False)  # type: ignore[arg-type]
    episode = Agent(POINTER, run=options).run_sync(task, site.at("127.0.0.1"))
    assert episode.outcome is outcome, episode.reason
    assert [word for line in site.seen for word in line.split() if word in {"/deleted", "/gone-on"}] == (
        [path] if path else []
    )
    assert outcome is not Outcome.BLOCKED or "--yes" in episode.reason


def test_downloads_stay_in_the_run_and_within_bounds(site: Site, tmp_path: Path) -> None:
    config = SessionConfig(download_limit=1_000_000)
    episode = Agent(POINTER, config, Run(out=tmp_path / "run", report=False)).run_sync(
        "click File, click Big", site.at("127.0.0.1")
    )
    assert episode.steps[0].change is not None and episode.steps[0].change.download
    (saved,) = (tmp_path / "run" / "downloads").iterdir()
    assert (
        saved.name.endswith("x.txt")
        and saved.name[0] != "."
        and saved.read_text() == "cargo"
        and stat.S_IMODE(saved.stat().st_mode) == 0o600
    )
    assert stat.S_IMODE(saved.parent.stat().st_mode) == 0o700 == stat.S_IMODE((tmp_path / "run").stat().st_mode)


def test_without_a_gate_there_are_no_secrets_no_consent_and_no_world(tmp_path: Path) -> None:
    blind = Run(out=tmp_path / "run", limits=Limits(gate=False))
    secret = SessionConfig(secrets=(Secret(name="PW", value=SecretStr("long enough")),))
    for agent, url, wrong in (
        (Agent(POINTER, secret, blind), "http://127.0.0.1:9/", "secrets and consent"),
        (
            Agent(POINTER, None, blind.model_copy(update={"consent": True})),
            "http://127.0.0.1:9/",
            "secrets and consent",
        ),
        (Agent(POINTER, None, blind), "http://example.com/", "only pages of this machine"),
        (
            Agent(POINTER, SessionConfig(allow=("example.com",)), blind),
            "http://127.0.0.1:9/",
            "only pages of this machine",
        ),
    ):
        with pytest.raises(UsageError, match=wrong):
            agent.run_sync("press Tab", url)


def test_options_become_bounds_secrets_and_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIXIS_TEST", "a long value")
    options = RunOptions(
        task="type {PW} into Password",
        url="http://a.com/",
        allow=["*.b.com"],
        secret=["PW=DEIXIS_TEST@a.com"],
        yes=True,
        strict_network=True,
    )
    made = Prepared(options)
    config = made.agent.session
    assert config.allow == ("*.b.com",) and config.strict_network and config.secrets[0].domain == "a.com"
    assert made.agent.options.consent is True
    assert [op.action.text for op in made.planner.todo] == ["<secret:PW>"]  # type: ignore[attr-defined]
    assert "a long value" not in config.model_dump_json() + repr(config) + made.agent.options.model_dump_json()


WORDS = {
    "pay": ["Pay now", "Buy now", "Place your order", "Jetzt kaufen", "Zahlungspflichtig bestellen", "Payer", "Acheter", "Pagar", "Comprar", "Acquista",
            "Betalen", "Kup teraz", "Купить", "支付", "立即下单", "購入", "구매", "اشتر", "שלם", "Transfer", "Donate", "ORDER", "Subscribe"],
    "delete": ["Delete", "Delete account", "Löschen", "Supprimer", "Eliminar", "Verwijderen", "Usuń", "Удалить", "删除", "削除", "삭제", "حذف", "מחק", "Deactivate"],
    "send": ["Send", "Send message", "Senden", "Envoyer", "Enviar", "Invia", "Wyślij", "Отправить", "发送", "送信", "보내기", "إرسال", "Post", "Publish"],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "words"), [(kind, words) for kind, many in WORDS.items() for words in many])
def test_risky_words(kind: str, words: str) -> None:
    assert risky(words) == kind
    for trick in (f" {words.upper()} ", "\u200b".join(words), f"{words} \u2192"):
        assert risky(trick) == kind, trick


@pytest.mark.parametrize(
    "words",
    ["Save", "Cancel", "Log out", "Add user", "Search", "Next", "Blog post", "Payment methods", "Sender", "Deleted items", "Order history", "OK", "Sign in",
     "Speichern", "Rechercher", "Wissen", "Shared with me", "Show more", ""],
)  # fmt: skip
def test_harmless_words(words: str) -> None:
    assert risky(words) is None


def test_letters_that_pretend() -> None:
    assert "delete" in plain("Dеlеtе") and "pay" in plain("P.a.y") and risky("ＤＥＬＥＴＥ") == "delete"


def _hit(**more: object) -> Hit:
    return Hit.model_validate(
        {"tag": "input", "role": "textbox", "name": "Comment", "box": Box(x0=0, y0=0, x1=9, y1=9), **more}
    )


@pytest.mark.parametrize(
    ("action", "hit", "kind"),
    [
        (Press(keys="Enter"), _hit(editable=True, submits="Pay now"), "pay"),
        (Press(keys="Enter"), _hit(editable=True, submits="Search"), None),
        (Press(keys="Control+Enter"), _hit(editable=True, submits="Send"), "send"),
        (Press(keys="Space"), _hit(tag="button", role="button", says="Delete"), "delete"),
        (Press(keys="Tab"), _hit(tag="button", role="button", says="Delete"), None),
        (Type(text="x", submit=True), _hit(submits="Send"), "send"),
        (Type(text="x"), _hit(submits="Send"), None),
        (AnswerDialog(accept=True), None, "delete"),
        (AnswerDialog(accept=False), None, None),
        (Type(text="<secret:PW>"), _hit(), "secret"),
        (Type(text="<secret:PW>"), _hit(input_type="password"), None),
    ],
)
async def test_what_is_risky_about_an_action(action: object, hit: Hit | None, kind: str | None) -> None:
    from deixis.browser.secrets import Secrets

    consent = Consenting(False, Secrets([Secret(name="PW", value=SecretStr("long enough"))]))
    risk = consent.risk(action, hit, "http://a.com/", "Delete everything?")  # type: ignore[arg-type]
    assert (risk.kind if risk else None) == kind
    if risk:
        with pytest.raises(Blocked, match="--yes consents"):
            await consent.ask(action, hit, "http://a.com/", "Delete everything?")  # type: ignore[arg-type]


def test_benchmarks_consent_on_this_machine_only() -> None:
    def asked(url: str, frame: str = "") -> bool:
        return on_this_machine(Risk(kind="pay", words="Pay", action="click", url=url, frame=frame))

    assert asked("http://127.0.0.1:8000/") and asked("file:///a.html") and asked("http://localhost/", "about:srcdoc")
    assert (
        not asked("http://example.com/")
        and not asked("http://127.0.0.1/", "http://example.com/")
        and not asked("http://127.0.0.1.example.com/")
    )
