"""The embedded model adapted to pages of one's own: from a folder of HTML to weights that point."""

import http.server
import threading
from pathlib import Path

import pytest

from deixis.agent import load_pointer
from deixis.agent.picture import blank
from deixis.browser.errors import UsageError
from deixis.vlm import checkpoint
from deixis.vlm.train import adapt, main

PAGES = Path(__file__).parent / "data" / "pages"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_folder_of_pages_becomes_weights(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text((PAGES / "form.html").read_text())
    taken = adapt(str(tmp_path / "site"), checkpoint.embedded(), tmp_path / "mine", minutes=1.0, count=1, rate=1e-3)
    assert taken == 1
    weights = tmp_path / "mine" / checkpoint.EMBEDDED
    pointer = load_pointer(str(weights))
    assert pointer.weights_sha256 != checkpoint.sha256(checkpoint.embedded())
    assert pointer.point_many(blank(300, 200), ["Save"])[0].target == "Save"


def test_a_site_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no page of"):
        adapt("http://127.0.0.1:9", checkpoint.embedded(), tmp_path / "mine", minutes=1.0, count=1, rate=1e-3)


@pytest.mark.parametrize(
    ("arguments", "word"), [(["relate", "--screens", "x"], "needs --packages"), ([], "name a stage")]
)
def test_what_is_missing_is_named(
    arguments: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--minutes", "1", "--out", str(tmp_path)])
    assert stop.value.code == 2 and word in capsys.readouterr().err


def test_only_the_sites_own_pages_are_followed(tmp_path: Path) -> None:
    """Nothing is requested of another origin."""
    asked: list[str] = []

    class Other(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    try:
        body = f'<a href="http://127.0.0.1:{other.server_address[1]}/x">elsewhere</a><a href="two.html">Two</a>'
        (tmp_path / "index.html").write_text(f"<!doctype html><body><h1>One</h1>{body}</body>")
        (tmp_path / "two.html").write_text("<!doctype html><body><button>Save it</button></body>")
        from deixis.vlm.collect import pages_of

        assert pages_of(str(tmp_path), tmp_path / "out", 5) == 2
    finally:
        other.shutdown()
    assert asked == []
