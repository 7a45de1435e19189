"""Eight pages in the style of sites that people use every day, and what they would say to have something clicked there.

    python -m deixis.benchmarks.everyday --out DIR

Flights, a code host, a bank, news, a shop on a phone, mail, settings, an encyclopedia: written by hand, like the questions, of
which some use the page's words and some do not, and some ask for what is not there. Writes DIR/everyday.jsonl and the
pictures for `deixis bench grounding`. Rules of pointing were written while the misses here were read, so it is a set to
choose by, not one to report; nothing was trained on it.
"""

import argparse
import asyncio
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from deixis.browser.launch import launch
from deixis.vlm.collect import capture, open_page, still

VIEWPORTS = {"shop": (390, 844, 2), "encyclopedia": (1440, 900, 1)}
"""Width, height and scale of those that are not 1280x720."""


def questions() -> dict[str, list[dict[str, Any]]]:
    """Those of every page; `target` is a selector, or None for what is not there."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in (files("deixis.benchmarks") / "everyday_questions.jsonl").read_text(encoding="utf-8").splitlines():
        question = json.loads(line)
        found.setdefault(question["page"], []).append(question)
    return found


async def boxes(page: Page, selector: str) -> list[list[float]]:
    """Every place that is right, in CSS pixels."""
    places = [await place.bounding_box() for place in await page.locator(selector).all()]
    return [[b["x"], b["y"], b["x"] + b["width"], b["y"] + b["height"]] for b in places if b]


async def draw(browser: Browser, out: Path) -> int:
    """Writes pictures and set; how many items there are."""
    (out / "screens").mkdir(parents=True, exist_ok=True)
    lines = []
    for name, asked in questions().items():
        page = await open_page(browser, VIEWPORTS.get(name, (1280, 720, 1)))
        html = (files("deixis.benchmarks") / f"everyday_{name}.html").read_text(encoding="utf-8")
        await page.set_content(html)
        await still(page)
        image, data = await capture(page, full_scale=True)
        picture = f"screens/everyday-{name}.png"
        image.save(out / picture)
        for number, one in enumerate(asked):
            right = await boxes(page, one["target"]) if one["target"] else []
            if one["target"] and not right:
                raise LookupError(f"everyday_{name}.html has no {one['target']!r}")
            lines.append({
                "id": f"{name}#{number}", "image": picture, "width": data["width"], "height": data["height"], "instruction": one["words"],
                "box": right[0] if right else None, "boxes": right[1:], "kind": "everyday" if right else "absent", "family": "everyday", "page": name,
            })  # fmt: skip
        await page.context.close()
    (out / "everyday.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return len(lines)


async def _main(out: Path) -> None:
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        print(f"{await draw(browser, out)} items in {out / 'everyday.jsonl'}")
        await browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    asyncio.run(_main(parser.parse_args().out))


if __name__ == "__main__":
    main()
