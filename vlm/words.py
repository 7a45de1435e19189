"""The words that training pages are made of: labels people put on controls, names, prices, dates, running text.

Everything is drawn from a `random.Random`, so a seed gives the same page again. Several languages are mixed in, since
letters matter more than meaning for a model that has to see spelling. Knows nothing of HTML.
"""

import re
from functools import cache
from random import Random

ACTIONS = """Sign in|Log in|Log out|Sign up|Register|Submit|Cancel|Save|Save changes|Delete|Edit|Search|Next|Previous|Back
|Continue|Add to cart|Buy now|Checkout|Apply|Reset|Close|Open|Download|Upload|Share|Subscribe|Reply|Forward|Send|More
|Learn more|Read more|View all|Show details|Settings|Profile|Help|Home|About us|Contact|Pricing|Blog|Docs|Login
|Create account|Forgot password?|Accept|Decline|Accept all cookies|Only necessary|Filter|Sort by|Export|Export CSV|Import
|Print|Refresh|New|New project|Update|Confirm|Done|Yes|No|OK|Skip|Start|Stop|Play|Pause|Follow|Like|Comment|Join
|Book now|Compare|Add|Add row|Add item|Remove|Copy|Paste|Undo|Redo|Preview|Publish|Archive|Duplicate|Rename|Move|Approve
|Reject|Assign|Invite|Upgrade|Install|Get started|Try for free|Load more|Clear|Clear all|Select all|Change|Save and exit
|Go|Run|Test|Deploy|Restart|Connect|Disconnect|Verify|Resend code|View cart|Place order|Track order|Sign out|Dashboard
|Analytics|Reports|Users|Orders|Products|Customers|Invoices|Messages|Notifications|Calendar|Tasks|Projects|Team|Billing
|Integrations|API keys|Activity|History|Inbox|Drafts|Sent|Trash|Spam|Favorites|Downloads|Documents|Photos|Music|Videos
|Overview|Details|Reviews|Specifications|Shipping|Returns|General|Security|Privacy|Advanced|Members|Permissions|Roles
|Categories|Tags|Media|Pages|Posts|Themes|Plugins|Tools|Status|Support|Feedback|Changelog|Community|Careers|Press|Terms
|View site|Change password|History|Manage|Options|Actions|Hide|Show|Expand|Collapse|Maximize|Sync|Backup|Restore""".replace(
    "\n", ""
).split("|")
FIELDS = """Email|Email address|Password|Username|User name|First name|Last name|Phone|Phone number|Address|Street|City
|Zip code|Postal code|Country|Company|Search|Message|Subject|Date of birth|Card number|Expiry date|CVC|Quantity|Price
|Title|Description|Website|Comments|From|To|Departure|Return|Full name|State|Coupon code|Notes|New password
|Confirm password|Password confirmation|Current password|Amount|Start date|End date|Due date|Priority|Status|Category
|Language|Time zone|Currency|Gender|Age|Job title|Department|Display name|Bio|Slug|Name|Group name|Project name|URL|Port
|Host|Domain|Tags|Keywords|Color|Size|Weight|Reference|Order number|Account|IBAN|Tax ID|Location|Role|Group|Type|Rate
|Discount|Width|Height|Passengers|Guests|Rooms|Check-in|Check-out|Version|Branch|Repository|Token|Answer|Code""".replace(
    "\n", ""
).split("|")
OPTIONS = """Remember me|I agree to the terms|Subscribe to the newsletter|Active|Enabled|Public|Private|Featured|In stock
|Keep me signed in|Send notifications|Email me|Two-factor authentication|Dark mode|Auto save|Required|Staff|Administrator
|Can edit|Can view|Read only|Free shipping|Gift wrap|Express|Standard|Monthly|Yearly|Visa|PayPal|Male|Female|Other|Small
|Medium|Large|Daily|Weekly|Never|Always|Default|Published|Draft|Show on homepage|Allow comments|Visible""".replace(
    "\n", ""
).split("|")
LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv")
LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pt_PT", "pl_PL", "sv_SE")


@cache
def vocabulary(language: str) -> list[str]:
    """The 20,000 most frequent words of a language that are written with letters only."""
    from wordfreq import top_n_list

    return [word for word in top_n_list(language, 20000) if re.fullmatch(r"[^\W\d_]{2,16}", word)]


@cache
def _faker(locale: str):  # type: ignore[no-untyped-def]
    from faker import Faker

    return Faker(locale)


class Words:
    """Random words of one page: mostly one language, English three times out of four."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        language = "en" if rng.random() < 0.75 else rng.choice(LANGUAGES)
        self.vocabulary = vocabulary(language)
        locale = next((name for name in LOCALES if name.startswith(language)), "en_US")
        self.faker = _faker(locale)
        self.faker.seed_instance(rng.randrange(1 << 30))

    def some(self, n: int) -> str:
        """n words; frequent ones are preferred but the tail is reached."""
        rng, pool = self.rng, self.vocabulary
        return " ".join(pool[int(len(pool) * rng.random() ** 1.7)] for _ in range(n))

    def cased(self, text: str) -> str:
        k = self.rng.random()
        return (
            text.title() if k < 0.4 else text[:1].upper() + text[1:] if k < 0.85 else text.upper() if k < 0.9 else text
        )

    def title(self, low: int = 1, high: int = 4) -> str:
        return self.cased(self.some(self.rng.randint(low, high)))

    def label(self) -> str:
        """What stands on a button, a link or a tab."""
        k = self.rng.random()
        if k < 0.35:
            return self.rng.choice(ACTIONS)
        if k < 0.85:
            return self.title(1, 3)
        return self.rng.choice(
            [self.faker.name(), self.faker.company(), self.faker.city(), str(self.rng.randint(1, 9999))]
        )

    def field(self) -> str:
        return self.rng.choice(FIELDS) if self.rng.random() < 0.6 else self.title(1, 3)

    def option(self) -> str:
        return self.rng.choice(OPTIONS) if self.rng.random() < 0.4 else self.title(1, 4)

    def value(self) -> str:
        """What stands in a table cell or a field."""
        rng, fake = self.rng, self.faker
        kinds = [
            fake.name, fake.email, fake.city, fake.company, fake.phone_number, fake.user_name,
            lambda: str(fake.date()), lambda: fake.date_object().strftime(rng.choice(["%d %b %Y", "%m/%d/%Y", "%B %d, %Y"])),
            lambda: f"{rng.choice('$€£')}{rng.randint(1, 2999):,}.{rng.randint(0, 99):02d}",
            lambda: str(rng.randint(0, 99999)), lambda: f"{rng.randint(0, 100)}%", lambda: f"#{rng.randint(100, 99999)}",
            lambda: self.title(1, 3), lambda: self.some(rng.randint(1, 4)),
            lambda: f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}",
        ]  # fmt: skip
        return str(rng.choice(kinds)())

    def sentence(self, low: int = 4, high: int = 22) -> str:
        text = self.some(self.rng.randint(low, high))
        return text[:1].upper() + text[1:] + self.rng.choice([".", ".", ".", "!", "?", ","])
