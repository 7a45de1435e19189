"""Late-fusion models, and everything between pixels and a model.

`pointer` is the face: a screenshot and words in, CSS pixels out. `sight` turns a picture into `things` (`image`, `vit`,
`connector` and `finder` find them, `reader` and `symbols` read them), `questions` and `decoder` relate words to them;
`names`, `runs`, `spans` and `settled` move that to where a name is written, `places`, `counting`, `beside` and `labelled` say
which of several is meant. `model` holds all parts. Training pages come from `words`, `icons`, `skins`, `pages` and `dense`, are rendered by `collect`
and asked about by `ask` (`scenes`, `phrases`, `kinds`, `counting`); `train` teaches one part after the other (`train_sight`, `train_symbols`,
`train_reader`, `train_decoder` with `sheet`; `train_meaning` the encoder of words), `calibrate` makes confidences true.

Other models point in frames and words of their own: `families` says which, `points` reads the words, `frames` turns the
numbers into CSS pixels, `prompted` asks and answers, `abilities` counts and reads clocks. Who runs them is a server
(`remote`), transformers (`adapters`) or our own Molmo (`molmo_chat`, `molmo`); `local` finds which, `hub` fetches weights,
`catalogue` lists what is known.

To add a family, in this order, each step with a test that fails until it is done:

1. A row in `families.FAMILIES`: pattern of its ids, frame, form, how the picture is prepared, the source of each. None for
   what no source says. `test_vlm_points` then asks for step 2, `test_vlm_frames` sends pixels there and back.
2. Three outputs of it in tests/data/points.jsonl, one of them broken, with the CSS pixels or the error they mean.
3. A syntax that no other family writes: a reader and a writer in `points`, and a line in its table `_SYNTAXES`.
4. A row in `catalogue.KNOWN`, if it is one to choose from by size and licence.

That is all for a model behind a server; `deixis doctor --model ID@URL` shows it discs and says whether frame and server
agree. To run it in this process, add its processor's name to `adapters.KINDS`, and a tiny checkpoint in the layout of the
published one to tests/tiny_models.py: `test_vlm_adapters` loads it the way a user would.
"""
