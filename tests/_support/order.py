"""In which order the tests run, where several run at a time."""

import itertools


def early(items, workers):
    """Put what waits for seconds into the first half of each worker's share, between two files: it is not to come last.

    The share is what xdist's worksteal gives to each at the beginning; what is stolen comes from the end of one.
    """
    waits, others = {}, []
    for item in items:
        (waits.setdefault(item.path, []) if item.get_closest_marker("waits") else others).append(item)
    groups = list(waits.values())  # those of a file may share what they wait for
    cuts = [len(others) * k // workers for k in range(workers + 1)]
    ordered = []
    for k, (begin, end) in enumerate(itertools.pairwise(cuts)):
        share, mine = others[begin:end], groups[k::workers]
        for n, group in reversed([*enumerate(mine)]):
            at = n * len(share) // 2 // len(mine)
            while 0 < at < len(share) and share[at - 1].path == share[at].path:
                at += 1
            share[at:at] = group
        ordered += share
    return ordered
