"""Late-fusion models, and everything between pixels and a model.

`pointer` is the face: a screenshot and words in, CSS pixels out. `model` fuses the four parts (`image`, `vit`,
`connector`, `decoder`). Training pages come from `words`, `icons`, `skins`, `pages` and `dense`, are rendered by `collect`,
asked about by `ask`, made into tensors by `data`, and learned by `train`.

Other models point in frames and words of their own: `families` says which, `points` reads the words, `frames` turns the
numbers into CSS pixels.
"""
