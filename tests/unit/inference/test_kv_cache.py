"""Rows that begin, leave and begin again keep what is theirs."""

import torch

from titletui.inference.kv_cache import RaggedCache


def test_each_row_sees_its_own_tokens_and_no_others_whenever_it_began() -> None:
    cache = RaggedCache(layers=2, heads=1, width=1)
    draw = torch.Generator().manual_seed(3)
    known: list[list[float]] = []
    token = 0.0
    for step in range(150):
        if step % 7 == 0 or not known:
            length = step % 4 + 1 if known else 40
            prompt = torch.arange(float(length)) + 1000 * step
            cache.add(prompt[None, None, None, :, None].expand(2, 2, 1, length, 1), rows=3)
            known += [prompt.tolist() for _ in range(3)]
        lengths = cache.lengths.tolist()
        window = cache.append()
        for row, own in enumerate(known):
            assert lengths[row] == len(own)
            token += 1
            own.append(token)
            for layer in range(2):
                window.newest[layer][row] = token
        for row, own in enumerate(known):
            seen = torch.ones(len(window.values[0]), dtype=torch.bool)
            if window.mask is not None:
                seen = window.mask[:, row] == 0
            for layer in range(2):
                assert window.values[layer][seen, row, 0, 0].tolist() == own
                assert window.keys[layer][seen, row, 0, 0].tolist() == own
        count = int(torch.randint(1, len(known) + 1, (1,), generator=draw))
        stay = torch.randperm(len(known), generator=draw)[:count].sort().values
        cache.select(stay)
        known = [known[row] for row in stay.tolist()]
