"""Late-fusion models, and everything between pixels and a model.

`pointer` is the face: a screenshot and words in, CSS pixels out. `model` fuses the four parts (`image`, `vit`,
`connector`, `decoder`). Training pages come from `words`, `icons`, `skins`, `pages` and `dense`, are rendered by `collect`,
asked about by `ask`, made into tensors by `data`, and learned by `train`.

Other models point in frames and words of their own: `families` says which, `points` reads the words, `frames` turns the
numbers into CSS pixels, `prompted` asks and answers. Who runs them is a server (`remote`), transformers (`adapters`) or our
own Molmo (`molmo_chat`, `molmo`); `local` finds which, `hub` fetches weights, `catalogue` lists what is known.

To add a family: a row in `families.FAMILIES` (pattern of its ids, frame, form, how the picture is prepared, source), its
outputs in tests/data/points.jsonl, and a row in `catalogue.KNOWN`. That is all for a model behind a server. A syntax that
no other family writes is a function in `points`; one that runs in this process needs its processor's name in
`adapters.KINDS` and a tiny checkpoint in tests/tiny_models.py.
"""
