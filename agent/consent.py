"""What needs a person's consent before it is done: clicks that pay, delete, send; secrets shown in plain sight.

Judged by what the hit-test says is at the point, in the languages below, whatever tricks the letters are written with.
Whoever starts a run answers: always, never, or by a callback. Knows no planner's reasons and no page's.
"""

import inspect
import re
import unicodedata
from collections.abc import Awaitable, Callable

from deixis.browser.actions import Action, AnswerDialog, Check, Click, Drag, Press, Select, Type, Upload, describe
from deixis.browser.domains import is_local
from deixis.browser.errors import Blocked
from deixis.browser.secrets import Secrets
from deixis.browser.types import Frozen, Hit

WORDS = {
    "pay": r"""pay|pay now|buy|buy now|purchase|place (?:your |my |the )?order|order now|checkout and pay|donate|transfer|wire money|wire transfer|withdraw|
        bezahlen|jetzt kaufen|kaufen|zahlungspflichtig bestellen|bestellen|überweisen|spenden|payer|acheter|commander|virement|virer|faire un don|
        pagar|comprar|realizar pedido|transferir|donar|paga|acquista|compra|ordina|bonifico|doar|finalizar (?:a )?compra|
        betalen|kopen|bestelling plaatsen|overmaken|zapłać|zapłac|kup|kup teraz|zamów|przelej|betala|köp|köp nu|beställ|betal|køb|kjøp|osta|maksa|
        öde|satın al|ödeme yap|zaplatit|koupit|objednat|plătește|cumpără|fizetés|vásárlás|thanh toán|mua ngay|bayar|beli""",
    "delete": r"""delete|erase|destroy|wipe|purge|permanently remove|remove permanently|remove account|close (?:my |your )?account|deactivate|terminate|factory reset|
        löschen|entfernen und löschen|konto schließen|vernichten|supprimer|effacer|détruire|eliminar|borrar|suprimir|elimina|cancella account|
        excluir|apagar|verwijderen|usuń|skasuj|radera|ta bort|slet|slett|poista|sil|smazat|odstranit|șterge|törlés|xóa|hapus""",
    "send": r"""send|send now|send message|send email|send money|publish|post now|tweet|submit order|unsubscribe all|
        senden|absenden|abschicken|veröffentlichen|envoyer|publier|enviar|publicar|invia|pubblica|verzenden|versturen|publiceren|
        wyślij|opublikuj|skicka|publicera|gönder|yayınla|odeslat|trimite|küldés|gửi|kirim""",
}  # fmt: skip
"""Whole words, in English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, the Nordic languages and some more."""
SIGNS = {
    "pay": "оплатить купить заказать перевести сплатити πληρωμή αγορά 支付 付款 购买 購買 立即下单 转账 轉帳 支払 購入 注文する 注文を確定 振込 결제 구매 주문하기 송금 ادفع دفع شراء اشتر תשלום שלם קנה खरीदें भुगतान ชำระเงิน ซื้อ",
    "delete": "удалить стереть уничтожить видалити διαγραφή 删除 刪除 清除 注销账户 削除 消去 退会 삭제 제거 탈퇴 حذف احذف מחק मिटाएं हटाएं ลบ",
    "send": "отправить опубликовать надіслати αποστολή δημοσίευση 发送 發送 提交订单 发布 發佈 送信 投稿 公開する 보내기 전송 게시 إرسال أرسل نشر שלח פרסם भेजें ส่ง",
}  # fmt: skip
"""Words of scripts without spaces or with endings: found anywhere."""
EXACT = {
    "send": {"post", "share", "publish", "reply all"},
    "pay": {"order", "subscribe"},
    "delete": {"remove all", "empty trash"},
}
"""Too common to be meant anywhere but alone on a button."""
_PATTERNS = {
    kind: re.compile(rf"(?<!\w)(?:{re.sub(chr(10) + ' *', '', words)})(?!\w)", re.I) for kind, words in WORDS.items()
}
_LOOKALIKES = str.maketrans("асеорхуіјѕԁɡһԛԝβοανρτυκ", "aceopxyijsdghqwboavptuk")
"""Cyrillic and Greek letters that pass for Latin ones."""
PRESSING = {"enter", "numpadenter", "space", " "}


class Risk(Frozen):
    """Something that is not done without consent."""

    kind: str
    words: str
    """What was read there, or what would be typed."""
    action: str
    url: str
    """The page's address."""
    frame: str = ""

    @property
    def sentence(self) -> str:
        if self.kind == "upload":
            return f"{self.action} would hand out {self.words!r}, a file that the user did not name"
        if self.kind == "secret":
            return f"{self.action} would show a secret: {self.words!r} is no password field"
        return f"{self.action} may {self.kind} something: it says {self.words!r}"


Consent = bool | Callable[[Risk], bool | Awaitable[bool]]
"""Always, never, or who is asked."""


def on_this_machine(risk: Risk) -> bool:
    """Consent of benchmarks and demonstrations: to pages of this machine only."""
    return is_local(risk.url) and (not risk.frame or risk.frame.startswith("about:") or is_local(risk.frame))


class Consenting:
    """Asks before what is risky, each thing once."""

    def __init__(self, answer: Consent = False, secrets: Secrets | None = None, users_words: bool = False) -> None:
        """users_words: what is typed where comes from the user alone, so that no page can have a say in it."""
        self.answer, self.secrets, self.users_words = answer, secrets or Secrets(), users_words
        self._given: set[tuple[str, str, str]] = set()

    async def ask(self, action: Action, hit: Hit | None, url: str, message: str = "") -> bool:
        """Whether the action is risky; Blocked when it is and nobody consents. message: of the dialog that it answers."""
        risk = self.risk(action, hit, url, message)
        key = (risk.kind, risk.words, risk.url) if risk else ("", "", "")
        if risk is None or key in self._given:
            return risk is not None
        answer = self.answer if isinstance(self.answer, bool) else self.answer(risk)
        if not (await answer if inspect.isawaitable(answer) else answer):
            raise Blocked(f"{risk.sentence}; --yes consents")
        self._given.add(key)
        return True

    def risk(self, action: Action, hit: Hit | None, url: str, message: str = "") -> Risk | None:
        """What is risky about an action, or None."""
        about = {"action": describe(action), "url": url, "frame": hit.frame_url if hit else ""}
        if isinstance(action, Type) and hit is not None and self._shown(action, hit):
            return Risk(kind="secret", words=hit.name or hit.tag, **about)
        if isinstance(action, Upload) and not self.users_words:
            return Risk(kind="upload", words=", ".join(action.files)[:80], **about)
        words = message if isinstance(action, AnswerDialog) and action.accept else _read(action, hit)
        kind = risky(words)
        return Risk(kind=kind, words=words[:80], **about) if kind else None

    def _shown(self, action: Type, hit: Hit) -> bool:
        """Whether a secret would stand there for everyone to read."""
        if self.users_words or hit.input_type == "password":
            return False
        return any(not secret.is_code for secret in self.secrets.named(action.text))


def _read(action: Action, hit: Hit | None) -> str:
    """The words on what an action would press."""
    if hit is None:
        return _target(action)
    if isinstance(action, Type):
        return hit.submits if action.submit else ""
    if isinstance(action, Press):
        if action.keys.split("+")[-1].lower() not in PRESSING:
            return ""
        return f"{hit.submits} {'' if hit.editable else hit.says or hit.name}"
    return (hit.says or hit.name or _target(action)) if isinstance(action, Click | Check | Drag | Select) else ""


def _target(action: Action) -> str:
    """The words by which a target was looked for: all there is to go by where nothing has a name."""
    target = getattr(action, "target", None)
    return target if isinstance(target, str) and isinstance(action, Click) else ""


def risky(words: str) -> str | None:
    """pay, delete or send, when the words say so; None otherwise."""
    for form in plain(words):
        alone = form.strip(" .!?»>→")
        for kind in WORDS:
            signs = any(sign in form for sign in SIGNS[kind].split())
            if signs or _PATTERNS[kind].search(form) or alone in EXACT[kind]:
                return kind
    return None


def plain(words: str) -> list[str]:
    """The words without what hides them from a reader of letters: invisible signs, other alphabets, spacing."""
    visible = "".join(
        c
        for c in unicodedata.normalize("NFKC", words)
        if unicodedata.category(c) not in {"Cf", "Cc", "Mn"} or c in " \n\t"
    )
    forms = [" ".join(unicodedata.normalize("NFKC", words).casefold().split()), " ".join(visible.casefold().split())]
    forms.append(forms[1].translate(_LOOKALIKES))
    forms += [re.sub(r"(?<=\b\w)[ .\-_*](?=\w\b)", "", form) for form in forms[1:]]
    return list(dict.fromkeys(forms))
