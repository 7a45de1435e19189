"""IFEval's 25 kinds of instruction, each checked by its own few lines; strict and loose as published.

Source of the rules: Zhou et al., "Instruction-Following Evaluation for Large Language Models" (2023), and its checkers. Two
of them split text with NLTK there, which needs data from the internet; here sentences end at . ! or ? before a space and
a capital, not after the usual abbreviations, and words are runs of letters, digits, hyphens and apostrophes. Counts can
differ by one on rare texts. Languages are told by `langdetect`, as published, with its seed fixed. Knows no model.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from deixis.browser.errors import SetupError, UsageError

Check = Callable[..., bool]
CHECKS: dict[str, Check] = {}
ABBREVIATIONS = frozenset({
    "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "vs", "etc", "e.g", "i.e", "inc", "ltd", "co", "no", "vol", "fig", "al", "u.s", "a.m", "p.m", "ph.d",
})  # fmt: skip
CONSTRAINED = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def kind(name: str) -> Callable[[Check], Check]:
    """Registers the check of an instruction."""

    def keep(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return keep


def followed(name: str, arguments: dict[str, Any], response: str) -> bool:
    """Whether a response follows an instruction; an empty one follows none. UsageError for a kind that is not known."""
    if name not in CHECKS:
        raise UsageError(f"{name!r} is no instruction of IFEval: {', '.join(sorted(CHECKS))}")
    given = {key: value for key, value in arguments.items() if value is not None}
    return bool(response.strip()) and CHECKS[name](response, **given)


def strict(names: Sequence[str], arguments: Sequence[dict[str, Any]], response: str) -> list[bool]:
    """For each instruction of a prompt."""
    return [followed(name, given, response) for name, given in zip(names, arguments, strict=True)]


def loose(names: Sequence[str], arguments: Sequence[dict[str, Any]], response: str) -> list[bool]:
    """The same, when it holds without the first line, the last line, both, or the asterisks of markdown."""
    lines = response.split("\n")
    cuts = [response, "\n".join(lines[1:]).strip(), "\n".join(lines[:-1]).strip(), "\n".join(lines[1:-1]).strip()]
    tries = [text.replace("*", "") if plain else text for text, plain in product(cuts, (False, True))]
    return [any(followed(name, given, text) for text in tries) for name, given in zip(names, arguments, strict=True)]


# what texts are made of


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def sentences(text: str) -> list[str]:
    """Split at . ! ? before white space and a capital, a digit or a quotation mark, and at blank lines."""
    found: list[str] = []
    for block in re.split(r"\n\s*\n", text):
        start = 0
        for match in re.finditer(r"[.!?]+[\"')\]]*(?=\s+[\"'(\[]?[A-Z0-9])", block):
            before = block[start : match.start()].rsplit(None, 1)
            last = before[-1].lower().lstrip("(\"'") if before else ""
            if match.group()[0] == "." and (last in ABBREVIATIONS or re.fullmatch(r"[a-z]", last)):
                continue
            found.append(block[start : match.end()])
            start = match.end()
        found.append(block[start:])
    return [sentence.strip() for sentence in found if re.search(r"\w", sentence)]


def holds(count: int, relation: str, limit: int) -> bool:
    if relation not in {"less than", "at least"}:
        raise UsageError(f"{relation!r} is no relation of IFEval")
    return count < limit if relation == "less than" else count >= limit


def language_of(text: str) -> str | None:
    """Its code; None when nothing tells."""
    try:
        import langdetect
    except ImportError as error:
        raise SetupError(f"languages are told by {error.name!r}: pip install 'deixis[text]'") from error
    langdetect.DetectorFactory.seed = 0
    try:
        return str(langdetect.detect(text))
    except langdetect.LangDetectException:
        return None


# the instructions


@kind("keywords:existence")
def _existence(text: str, keywords: Sequence[str]) -> bool:
    return all(re.search(keyword, text, re.IGNORECASE) for keyword in keywords)


@kind("keywords:frequency")
def _frequency(text: str, keyword: str, frequency: int, relation: str) -> bool:
    return holds(len(re.findall(keyword.strip(), text, re.IGNORECASE)), relation, frequency)


@kind("keywords:forbidden_words")
def _forbidden(text: str, forbidden_words: Sequence[str]) -> bool:
    return not any(re.search(rf"\b{word}\b", text, re.IGNORECASE) for word in forbidden_words)


@kind("keywords:letter_frequency")
def _letters(text: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    return holds(Counter(text.lower())[letter.strip().lower()], let_relation, let_frequency)


@kind("language:response_language")
def _language(text: str, language: str) -> bool:
    return language_of(text) in {language, None}


@kind("length_constraints:number_sentences")
def _sentences(text: str, num_sentences: int, relation: str) -> bool:
    return holds(len(sentences(text)), relation, num_sentences)


@kind("length_constraints:number_words")
def _words(text: str, num_words: int, relation: str) -> bool:
    return holds(len(words(text)), relation, num_words)


@kind("length_constraints:number_paragraphs")
def _paragraphs(text: str, num_paragraphs: int) -> bool:
    parts = re.split(r"\s?\*\*\*\s?", text)
    empty = [number for number, part in enumerate(parts) if not part.strip()]
    return all(number in {0, len(parts) - 1} for number in empty) and len(parts) - len(empty) == num_paragraphs


@kind("length_constraints:nth_paragraph_first_word")
def _first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    parts = re.split(r"\n\n", text)
    count = sum(bool(part.strip()) for part in parts)
    if nth_paragraph > count or not (part := parts[nth_paragraph - 1].strip()):
        return False
    word = re.split(r"[.,?!'\"]", part.split()[0].lstrip("'").lstrip('"'))[0].lower()
    return count == num_paragraphs and word == first_word.lower()


@kind("detectable_content:number_placeholders")
def _placeholders(text: str, num_placeholders: int) -> bool:
    return len(re.findall(r"\[.*?\]", text)) >= num_placeholders


@kind("detectable_content:postscript")
def _postscript(text: str, postscript_marker: str) -> bool:
    marker = postscript_marker.strip()
    patterns = {"P.P.S": r"\s*p\.\s?p\.\s?s.*$", "P.S.": r"\s*p\.\s?s\..*$"}
    return bool(re.search(patterns.get(marker, rf"\s*{marker.lower()}.*$"), text.lower(), re.MULTILINE))


@kind("detectable_format:number_bullet_lists")
def _bullets(text: str, num_bullets: int) -> bool:
    stars, dashes = re.findall(r"^\s*\*[^\*].*$", text, re.MULTILINE), re.findall(r"^\s*-.*$", text, re.MULTILINE)
    return len(stars) + len(dashes) == num_bullets


@kind("detectable_format:constrained_response")
def _constrained(text: str) -> bool:
    return any(option in text for option in CONSTRAINED)


@kind("detectable_format:number_highlighted_sections")
def _highlights(text: str, num_highlights: int) -> bool:
    single = [part for part in re.findall(r"\*[^\n\*]*\*", text) if part.strip("*").strip()]
    double = [
        part for part in re.findall(r"\*\*[^\n\*]*\*\*", text) if part.removeprefix("**").removesuffix("**").strip()
    ]
    return len(single) + len(double) >= num_highlights


@kind("detectable_format:multiple_sections")
def _sections(text: str, section_spliter: str, num_sections: int) -> bool:
    return len(re.split(rf"\s?{section_spliter.strip()}\s?\d+\s?", text)) - 1 >= num_sections


@kind("detectable_format:json_format")
def _json(text: str) -> bool:
    inner = text.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        inner = inner.removeprefix(fence)
    try:
        json.loads(inner.removesuffix("```").strip())
    except ValueError:
        return False
    return True


@kind("detectable_format:title")
def _title(text: str) -> bool:
    return any(title.lstrip("<").rstrip(">").strip() for title in re.findall(r"<<[^\n]+>>", text))


@kind("combination:two_responses")
def _two(text: str) -> bool:
    parts = text.split("******")
    if any(not part.strip() for part in parts[1:-1]):
        return False
    said = [part.strip() for part in parts if part.strip()]
    return len(said) == 2 and said[0] != said[1]


@kind("combination:repeat_prompt")
def _repeat(text: str, prompt_to_repeat: str) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


@kind("startend:end_checker")
def _end(text: str, end_phrase: str) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


@kind("startend:quotation")
def _quotation(text: str) -> bool:
    inner = text.strip()
    return len(inner) > 1 and inner[0] == inner[-1] == '"'


@kind("change_case:capital_word_frequency")
def _capitals(text: str, capital_frequency: int, capital_relation: str) -> bool:
    shouted = [word for word in re.findall(r"[\w'-]+", text) if word.isupper()]
    return holds(len(shouted), capital_relation, capital_frequency)


@kind("change_case:english_capital")
def _upper(text: str) -> bool:
    return text.isupper() and language_of(text) in {"en", None}


@kind("change_case:english_lowercase")
def _lower(text: str) -> bool:
    return text.islower() and language_of(text) in {"en", None}


@kind("punctuation:no_comma")
def _no_comma(text: str) -> bool:
    return "," not in text
