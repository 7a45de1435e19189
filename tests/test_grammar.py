"""Plain English becomes the right actions, or a sentence that names what is not understood."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deixis.agent.grammar import VERBS
from deixis.agent.planner import InstructionPlanner
from deixis.browser.actions import (
    ACTION,
    Action,
    AnswerDialog,
    Back,
    Check,
    Click,
    Drag,
    Expect,
    Goto,
    Hover,
    NewTab,
    Press,
    Read,
    Scroll,
    Select,
    SwitchTab,
    Type,
    Upload,
    Wait,
)
from deixis.browser.errors import UsageError

LOG_IN: list[Action] = [Type(text="ada", target="username"), Type(text="x", target="password"), Click(target="log in")]
CASES: list[tuple[str, list[Action]]] = [
    ("log in as ada with password x", [*LOG_IN]),
    ("sign in as ada using password 'x'.", [*LOG_IN]),
    ("log in as ada with password x, open Groups, click 'Add group', type Editors into Name, press Save, then read the message",
     [*LOG_IN, Click(target="Groups"), Click(target="Add group"), Type(text="Editors", target="Name"), Click(target="Save"), Read(question="the message")]),
    ("log out", [Click(target="log out")]),
    ("Please click the Save button", [Click(target="the Save button")]),
    ("click 'Copy, then paste and press Enter'", [Click(target="Copy, then paste and press Enter")]),
    ("click “Save” and tap ‘Go on’ then hit `Stop`", [Click(target="Save"), Click(target="Go on"), Click(target="Stop")]),
    ("click Don't save and press Enter", [Click(target="Don't save"), Press(keys="Enter")]),
    ("press Save and continue editing", [Click(target="Save and continue editing")]),
    ("press control + shift + k, press Esc", [Press(keys="Control+Shift+K"), Press(keys="Escape")]),
    ("press 'Enter'", [Click(target="Enter")]),
    ("click the Delete in the row of Alice, click the second Edit", [Click(target="the Delete in the row of Alice"), Click(target="the second Edit")]),
    ("type ada into Username and secret into Password", [Type(text="ada", target="Username"), Type(text="secret", target="Password")]),
    ("fill Username with ada, Password with 'x, y' and Password confirmation with 'x, y'",
     [Type(text="ada", target="Username"), Type(text="x, y", target="Password"), Type(text="x, y", target="Password confirmation")]),
    ("put it on the shelf, put them in my cart", [Click(target="put on the shelf"), Click(target="put in my cart")]),
    ("put the blue kettle into the shopping bag", [Click(target="put the blue kettle into the shopping bag")]),
    ("put Ada into Username, put 'it' in the Code field", [Type(text="Ada", target="Username"), Type(text="it", target="the Code field")]),
    ("set Quantity to 3", [Type(text="3", target="Quantity")]),
    ("type 'hello world'", [Type(text="hello world")]),
    ("type in hello", [Type(text="hello")]),
    ("clear the Name field", [Type(text="", target="the Name field")]),
    ("search for blue and green socks", [Type(text="blue and green socks", target="the search field", submit=True)]),
    ("check Staff status and Active, untick Superuser", [Check(target="Staff status"), Check(target="Active"), Check(target="Superuser", checked=False)]),
    ("select 'Dark blue' in Colour", [Select(target="Colour", option="Dark blue")]),
    ("choose Blue", [Click(target="Blue")]),
    ("drag Card A onto the Done column", [Drag(start="Card A", end="the Done column")]),
    ("hover over Products", [Hover(target="Products")]),
    ("double-click the row of Bob; right-click the image", [Click(target="the row of Bob", count=2), Click(target="the image", button="right")]),
    ("scroll down twice, scroll to the bottom, scroll up a page", [Scroll(dy=1200), Scroll(dy=100_000), Scroll(dy=-600)]),
    ("scroll down 3 times in the list", [Scroll(target="the list", dy=1800)]),
    ("scroll to Permissions", [Hover(target="Permissions")]),
    ("wait for 'Saved, and done'", [Wait(target="Saved, and done", seconds=15)]),
    ("wait 2 seconds", [Wait(seconds=2)]),
    ("expect 'Saved'", [Expect(what="Saved", text="Saved")]),
    ("make sure that the message says 'was added'", [Expect(what="the message", text="was added")]),
    ("expect no error", [Expect(what="error", absent=True)]),
    ("verify that Total is 42", [Expect(what="Total", text="42")]),
    ("tell me the total", [Read(question="the total")]),
    ("go to http://127.0.0.1:8000/a?b=c", [Goto(url="http://127.0.0.1:8000/a?b=c")]),
    ("visit example.com/shop", [Goto(url="https://example.com/shop")]),
    ("go back", [Back()]),
    ("switch to tab 2", [SwitchTab(index=1)]),
    ("accept the dialog", [AnswerDialog(accept=True)]),
    ("answer the prompt with 'Bob', then dismiss it", [AnswerDialog(accept=True, text="Bob"), AnswerDialog(accept=False)]),
    ("accept all cookies, close the menu", [Click(target="accept all cookies"), Click(target="close the menu")]),
    ("make sure that 'Ada' is not visible, expect 'Error' is gone", [Expect(what="Ada", text="Ada", absent=True), Expect(what="Error", text="Error", absent=True)]),
    ("check that the message says Saved, and check Active", [Expect(what="the message", text="Saved"), Check(target="Active")]),
    ("expect that the total doesn't contain 'NaN'", [Expect(what="the total", text="NaN", absent=True)]),
    ("verify the status is not 'failed'", [Expect(what="the status", text="failed", absent=True)]),
    ("expect 'Saved' in the message", [Expect(what="the message", text="Saved")]),
    ("check that the page says 'Booked for Ada, thanks'", [Expect(what="Booked for Ada, thanks", text="Booked for Ada, thanks")]),
    ("make sure this page does not contain 'Error'", [Expect(what="Error", text="Error", absent=True)]),
    ("fill in Thyme for the article name and 3 for quantity", [Type(text="Thyme", target="the article name"), Type(text="3", target="quantity")]),
    ("fill in 'Thyme' as the article name, fill in the name as Bob", [Type(text="Thyme", target="the article name"), Type(text="Bob", target="the name")]),
    ("fill in the name for the delivery with Bob", [Type(text="Bob", target="the name for the delivery")]),
    ("type Thyme into Name, leave the supplier as it is and save", [Type(text="Thyme", target="Name"), Click(target="save")]),
    ("leave the supplier as it is, then press Save. Do not change the price", [Click(target="Save")]),
    ("type 'leave it alone, and save' into Note and keep the rest unchanged", [Type(text="leave it alone, and save", target="Note")]),
    ("leave the group", [Click(target="leave the group")]),
    ("make sure the table shows Lavender", [Expect(what="Lavender", text="Lavender")]),
    ("make sure the page is loaded", [Expect(what="the page", text="loaded")]),
    ("check that the page is not in English", [Expect(what="the page", text="in English", absent=True)]),
    ("make sure the Save button is visible", [Expect(what="the Save button")]),
    ("what is the total?", [Read(question="the total")]),
    ("tell me what the price of the second item is", [Read(question="the price of the second item")]),
    ("open localhost:8000/admin, visit 127.0.0.1:8000", [Goto(url="http://localhost:8000/admin"), Goto(url="http://127.0.0.1:8000")]),
    ("open report.pdf, open 'example.com'", [Click(target="report.pdf"), Click(target="example.com")]),
    ("open 'https://a.example/b' in a new tab", [NewTab(url="https://a.example/b")]),
    ("scroll to the bottom of the list, scroll down to the end of the page", [Scroll(target="the list", dy=100_000), Scroll(dy=100_000)]),
    ("wait a second, wait half a minute", [Wait(seconds=1), Wait(seconds=30)]),
    ("type Meet at noon into Title", [Type(text="Meet at noon", target="Title")]),
    ("type a lot     of space into Name", [Type(text="a lot of space", target="Name")]),
    ("click Next twice", [Click(target="Next"), Click(target="Next")]),
    ("press Enter in the search field", [Click(target="the search field"), Press(keys="Enter")]),
    ("press ArrowDown, press the down arrow", [Press(keys="ArrowDown"), Press(keys="ArrowDown")]),
    ("press Save in the toolbar", [Click(target="Save in the toolbar")]),
    ("move Card A to Done, move the mouse over Menu", [Drag(start="Card A", end="Done"), Hover(target="Menu")]),
    ("Could you please click Save?", [Click(target="Save")]),
    ("I want to click 'Really?'", [Click(target="Really?")]),
    ("upload 'a.txt' to Photo", [Upload(target="Photo", files=("a.txt",))]),
    ("1. click A\n2) click B\n- click C\n", [Click(target="A"), Click(target="B"), Click(target="C")]),
    ("1. click A 2. click B", [Click(target="A"), Click(target="B")]),
    ("type ada and bob into Name", [Type(text="ada and bob", target="Name")]),
    ("type Salt and pepper into Name and blue into Colour", [Type(text="Salt and pepper", target="Name"), Type(text="blue", target="Colour")]),
    ("type a into Name, b into Title, then press Save", [Type(text="a", target="Name"), Type(text="b", target="Title"), Click(target="Save")]),
    ("type 'a into b, and c' into Name and 'd' into Title", [Type(text="a into b, and c", target="Name"), Type(text="d", target="Title")]),
    ("type «x, then y» into Name", [Type(text="x, then y", target="Name")]),
    ("type „x; and y“ into Name", [Type(text="x; and y", target="Name")]),
    ("type '  two spaces ' into Name", [Type(text="  two spaces ", target="Name")]),
    ("type '' into Name", [Type(text="", target="Name")]),
    ("fill in Name with Ada and Age with 3 and press Save", [Type(text="Ada", target="Name"), Type(text="3", target="Age"), Click(target="Save")]),
    ("select Blue from Colour and Large from Size", [Select(target="Colour", option="Blue"), Select(target="Size", option="Large")]),
    ("choose 'Salt, and pepper' for Taste, Large for Size", [Select(target="Taste", option="Salt, and pepper"), Select(target="Size", option="Large")]),
    ("press Tab twice, press shift+tab, press Enter 3 times", [Press(keys="Tab"), Press(keys="Tab"), Press(keys="Shift+Tab"), Press(keys="Enter"), Press(keys="Enter"), Press(keys="Enter")]),
    ("click Enter, press Delete, click Delete, hit the Enter key", [Click(target="Enter"), Press(keys="Delete"), Click(target="Delete"), Press(keys="Enter")]),
    ("press Try 3 times", [Click(target="Try 3 times")]),
    ("sign in to Shop as ada with password x", [*LOG_IN]),
    ("Log in as ada, password x", [*LOG_IN]),
    ("log in as 'ada' with password 'p, and then q'", [LOG_IN[0], Type(text="p, and then q", target="password"), LOG_IN[2]]),
    ("log in", [Click(target="log in")]),
    ("expect the message 'Saved'", [Expect(what="the message Saved", text="Saved")]),
    ("expect that there is no 'Error, sorry'", [Expect(what="Error, sorry", text="Error, sorry", absent=True)]),
    ("visit http://a.b/c,d?e=f, click G", [Goto(url="http://a.b/c,d?e=f"), Click(target="G")]),
    ("click 'Save.'. click Stop.", [Click(target="Save."), Click(target="Stop")]),
    ("Enter the username 'ada' and the password 'p, q' into the text fields and press login",
     [Type(text="ada", target="username"), Type(text="p, q", target="password"), Click(target="login")]),
    ("enter username ada and password x, then click Go", [Type(text="ada", target="username"), Type(text="x", target="password"), Click(target="Go")]),
    ("type date night into Title, type user guide into Search", [Type(text="date night", target="Title"), Type(text="user guide", target="Search")]),
    ("type call me when ready, type 'call me' into Note when done", [Type(text="call me when ready"), Type(text="call me", target="Note")]),
    ("check In stock, for the red kettle, click Add", [Check(target="In stock"), Click(target="Add for red kettle")]),
    ("for 2 adults, click Economy", [Click(target="Economy for 2 adults")]),
    ("type name tag, type email address", [Type(text="name tag"), Type(text="email address")]),
    ("enter email a@b.c", [Type(text="a@b.c", target="email")]),
    ("type the number '22' into the third box", [Type(text="22", target="the third box")]),
    ("type the word 'blue'", [Type(text="blue")]),
    ("enter the password 'x' into both text fields", [Type(text="x", target="the first text field"), Type(text="x", target="the second text field")]),
    ("enter 04/15/2018 as the date and hit submit", [Type(text="04/15/2018", target="the date"), Click(target="submit")]),
    ("enter 5 for the quantity, type noon at sea as the title", [Type(text="5", target="the quantity"), Type(text="noon at sea", target="the title")]),
    ("close the box by clicking the 'x'", [Click(target="the x")]),
    ("use the textbox to enter 'Jess' and press Search", [Type(text="Jess", target="the textbox"), Click(target="Search")]),
    ("use the menu to select Blue", [Select(target="the menu", option="Blue")]),
    ("find and click the HOT area; scroll down to find and click Imprint", [Click(target="the HOT area"), Click(target="Imprint")]),
    ("find the email by Evie and click the trash icon to delete it", [Click(target="the trash icon in the row of Evie")]),
    ("find the second story and open it", [Click(target="the second story")]),
    ("find Ada in the contact book and click on their phone number", [Click(target="the phone number for Ada")]),
    ("for the user @riley, click the Like button", [Click(target="the Like button for @riley")]),
    ("find the imprint", [Hover(target="the imprint")]),
    ("select A1, B2 and C3, then click Submit", [Click(target="A1"), Click(target="B2"), Click(target="C3"), Click(target="Submit")]),
    ("click File > Save as, open 'a > b'", [Click(target="File"), Click(target="Save as"), Click(target="a > b")]),
    ("select 5 with the spinner, choose 2024-05-01 as the date", [Type(text="5", target="the spinner"), Type(text="2024-05-01", target="the date")]),
    ("focus on the search box, put the cursor in Name", [Click(target="the search box"), Click(target="Name")]),
    ("expand the Details section", [Click(target="the Details section")]),
    ("highlight the text in the second paragraph", [Click(target="the second paragraph", count=3)]),
    ("copy the text in Source, paste it into Target",
     [Click(target="Source"), Press(keys="ControlOrMeta+A"), Press(keys="ControlOrMeta+C"), Click(target="Target"), Press(keys="ControlOrMeta+V")]),
    ("scroll the list to the top", [Scroll(target="the list", dy=-100_000)]),
    ("press Submit when you're done", [Click(target="Submit")]),
    ("type saved by clicking twice into Title", [Type(text="saved by clicking twice", target="Title")]),
    ("Login as ada / x", [*LOG_IN]),
    ("sign in with email 'a@b.c' and password 'x'", [Type(text="a@b.c", target="username"), *LOG_IN[1:]]),
    ("fill in the form with name Ada, email a@b.c and submit it", [Type(text="Ada", target="name"), Type(text="a@b.c", target="email"), Press(keys="Enter")]),
    ("fill out the contact form: name 'Ada', message 'Hi, you'", [Type(text="Ada", target="name"), Type(text="Hi, you", target="message")]),
    ("set the quantity to 2 and add the kettle to the cart", [Type(text="2", target="the quantity"), Click(target="add the kettle to the cart")]),
    ("delete the user Bob, edit the order of Alice and set its status to Shipped",
     [Click(target="delete in the row of Bob"), Click(target="edit in the row of Alice"), Type(text="Shipped", target="the status")]),
    ("press Save and add another, press Save and continue editing", [Click(target="Save and add another"), Click(target="Save and continue editing")]),
    ("type hello in the chat and send it", [Type(text="hello", target="the chat"), Click(target="send")]),
    ("type Bob into Name and save", [Type(text="Bob", target="Name"), Click(target="save")]),
    ("enter 'Berlin' in the From field and 'Paris' in the To field, then search",
     [Type(text="Berlin", target="the From field"), Type(text="Paris", target="the To field"), Click(target="search")]),
    ("in the From field, enter Berlin; in the search box type kettle", [Type(text="Berlin", target="the From field"), Type(text="kettle", target="the search box")]),
    ("under Shipping, choose Express; on the first card click Details", [Select(target="Shipping", option="Express"), Click(target="Details on the first card")]),
    ("change the theme from Light to Dark", [Type(text="Dark", target="the theme")]),
    ("turn the sounds off, switch dark mode on", [Check(target="the sounds", checked=False), Check(target="dark mode")]),
    ("tick the terms and conditions box and check out", [Check(target="the terms and conditions box"), Click(target="check out")]),
    ("how much is the blue kettle?", [Read(question="the price of the blue kettle")]),
    ("how many orders are there?", [Read(question="the number of orders")]),
    ("scroll down until you see Imprint and click it", [Click(target="Imprint")]),
    ("show me the details of order 12, log me out", [Click(target="the details of order 12"), Click(target="log out")]),
    ("upload photo.png as the picture", [Upload(target="the picture", files=("photo.png",))]),
    ("press Tab then enter", [Press(keys="Tab"), Press(keys="Enter")]),
    ("First click A. After that, click B. Finally click C.", [Click(target="A"), Click(target="B"), Click(target="C")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "actions"), CASES, ids=[case[0][:50] for case in CASES])
def test_english(text: str, actions: list[Action]) -> None:
    assert [op.action for op in InstructionPlanner.from_text(text).todo] == actions


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("click A, frobnicate B", ["frobnicate B", "not understood"]),
        ("clik Save", ["clik Save", "'click'"]),
        ("type into Name", ["type into Name", "text to type is missing"]),
        ("fill Name", ["fill Name", "value for 'Name' is missing"]),
        ("log in as ada", ["log in as ada", "password is missing"]),
        ("click", ["what to click is missing"]),
        ("scroll sideways", ["scroll sideways", "I know 'scroll', but not with the words after it"]),
        ("click First then Second", ["'Second'", "not understood"]),
        ("wait for the spinner to disappear", ["the spinner to disappear", "write: expect no THING"]),
        ("click '  '", ["what to click is missing"]),
        ("drag A", ["where to drag it is missing"]),
        ("open {page}", ["{page}", "--var page=VALUE"]),
        ("  ", ["empty"]),
        ("fill in Thyme for the name and the number 3 for quantity", ["the value", "is missing"]),
        ("fill in the form for Bob", ["the value for 'the form for Bob' is missing"]),
        ("switch to the last tab", ["number of the tab is missing"]),
        ("click Save and close", ["close"]),
        ("find the mail by Bob and reply to them with 'x'", ["what is to be done with it is not understood"]),
        ("frob Bob", ["'frob' is no verb I know; begin with"]),
        ("reply to the first message with 'Thanks'", ["it needs something typed"]),
        ("create a group named Editors", ["it needs something typed"]),
        ("for 2 adults, select Economy", ["for 2 adults"]),
    ],
)
def test_what_is_not_understood_is_named(text: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        InstructionPlanner.from_text(text)
    assert all(word in str(error.value) for word in words), error.value


def test_variables_are_taken_verbatim() -> None:
    planner = InstructionPlanner.from_text("type {text} into Name, click '{text}'", {"text": "a, and then click b"})
    assert [op.action for op in planner.todo] == [
        Type(text="a, and then click b", target="Name"),
        Click(target="a, and then click b"),
    ]


@pytest.mark.parametrize(
    ("task", "actions"),
    [
        ("select Settings in the sidebar", [Click(target="Settings in the sidebar")]),
        ("from the left menu choose Invoices", [Click(target="Invoices in the left menu")]),
        ("select Logo as the header", [Select(target="the header", option="Logo")]),
        ("search for a room with minibar in the center", [Type(text="a room with minibar in the center", target="the search field", submit=True)]),
        ("select Large from the size menu", [Select(target="the size menu", option="Large")]),
        ("search for shoes in the search bar at the top", [Type(text="shoes", target="the search bar at the top", submit=True)]),
    ],
)  # fmt: skip
def test_parts_of_the_screen_are_no_lists(task: str, actions: list[Action]) -> None:
    assert [op.action for op in InstructionPlanner.from_text(task).todo] == actions


WORDS = [
    *VERBS,
    "into",
    "in",
    "with",
    "from",
    "and",
    "then",
    ",",
    ".",
    "\n",
    "1.",
    "'",
    '"',
    "“",
    "password",
    "the",
    "{a}",
    "9" * 400,
    "twice",
]


@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=9).map(" ".join))
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_plan_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        todo = InstructionPlanner.from_text(text).todo
        assert todo and all(ACTION.validate_json(op.action.model_dump_json()) == op.action for op in todo if op.action)


@given(st.text(st.characters(exclude_characters='"{}\ue000\ue001', exclude_categories=["Cs"]), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_quoted_text_survives(text: str) -> None:
    planner = InstructionPlanner.from_text(f'type "{text}" into Name')
    assert planner.todo[0].action == Type(text=text, target="Name")
