"""How well a model understands web elements and how well an agent acts, measured."""
