"""A batch on the workers of a Dask scheduler."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from voiceband.batch.work import FileOutcome, Job, Work, do
from voiceband.sound.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Generator

AHEAD = 4  # jobs a thread of the cluster that are handed over
AT_LEAST = 64  # for a cluster that is still growing
TIMEOUT_S = 10


def on_cluster(work: Work, jobs: list[Job], address: str) -> Generator[FileOutcome]:
    """Do jobs on a cluster; yield what becomes of them, in any order.

    When a worker dies, its jobs are done by others: an output is the same bytes whoever writes it, and gets its name
    when it is whole, so a job that is done twice leaves one output.
    """
    try:
        import distributed
    except ModuleNotFoundError:
        raise FileError("--scheduler needs Dask; pip install 'voiceband[dask]' brings it") from None
    try:
        client = distributed.Client(address, timeout=TIMEOUT_S)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError) as error:
        raise FileError(f"cannot reach the scheduler {address}: {error}") from None
    with client:
        yield from _through(client, distributed, work, jobs)


def _through(client: Any, distributed: Any, work: Work, jobs: list[Job]) -> Generator[FileOutcome]:
    waiting = iter(jobs)
    under_way: dict[Any, Job] = {}
    finished = distributed.as_completed()
    full = False

    def hand_over(n: int) -> None:
        for job in islice(waiting, n):
            future = client.submit(do, work, job, pure=False)
            under_way[future] = job
            finished.add(future)

    try:
        hand_over(max(AT_LEAST, AHEAD * sum(client.nthreads().values())))
        for future in finished:
            job = under_way.pop(future)
            if future.status == "finished":
                outcome = future.result()
            elif future.status == "error":
                outcome = FileOutcome(job, "bad", f"the workers that tried it failed: {future.exception()}")
            elif future.status != "cancelled":  # its worker has died with the outcome: another does it again
                under_way[future] = job
                finished.add(future)
                continue
            else:
                raise FileError("the scheduler was lost; run it again to go on")
            full = full or outcome.state == "full"
            yield outcome
            if not full:
                hand_over(1)
        yield from (FileOutcome(job, "stopped") for job in waiting)
    finally:
        client.cancel(list(under_way), force=True)
