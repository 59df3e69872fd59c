"""Measuring a shortlist: as many of the best by the first ranker as there is time for, by what is dear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from blender.annotation import Annotation, annotate
from blender.cascade import FEWEST, Cascade, Rows, completed, shortened, shortlist, words_to_read
from blender.choosing import Blocked, score_all
from blender.faults import Runner
from blender.records import Pool
from blender.roles import Annotator, asked, matrix_columns, needs_facts

_MARGIN = 1.2  # times what reading a shortlist usually takes must be left, or it is not begun
Lists = Sequence[Sequence[int]]


@dataclass(frozen=True, kw_only=True)
class Shortlisting:
    """What a measuring goes by.

    Attributes:
        cascade: of the two rankers.
        dear: annotators that measure a shortlist alone.
        runner: keeps account of what they take, and hang.
        time: seconds that there are now for annotating pools, and whether these end at a deadline.
    """

    cascade: Cascade
    dear: Mapping[str, Annotator]
    runner: Runner
    time: Callable[[Sequence[Pool]], tuple[float, bool]]

    def measure(
        self, pools: Sequence[Pool], found: Annotation, blocked: Sequence[Blocked]
    ) -> tuple[Annotation, Cascade]:
        """What was found, with the columns of what is dear; and the cascade, which knows what its first ranker said.

        Args:
            pools: of any sizes.
            found: by the annotators that measure every candidate.
            blocked: of every candidate the reasons why it may not be answered.
        """
        lists, cascade = self._lists(pools, found, blocked)
        timeout, hurry = self.time(pools)
        short, rows = self._in_time(pools, lists, timeout) if hurry else shortened(pools, lists, cascade.size)
        least = words_to_read(short if len(rows) else shortened(pools, lists, FEWEST)[0])
        for told in (False, True):  # in turn: they wait for the same model, and the order needs the others more
            part = {name: each for name, each in self.dear.items() if needs_facts(each) is told}
            timeout, hurry = self.time(pools)
            seconds = {name: self.runner.expected(name, least) for name in asked(part, pools)}
            if told and hurry and max(seconds.values(), default=0.0) > timeout:
                short, rows = shortened(pools, lists, 0)
            work = words_to_read(short)
            measured = annotate(short, part, runner=self.runner, timeout=timeout, hurry=hurry, work=work)
            if any(lists) and not len(rows):
                none = tuple(self.runner.not_begun(name, timeout, each) for name, each in seconds.items())
                measured = replace(measured, faults=(none,) * len(pools))
            found = completed(found, measured, rows, tuple(matrix_columns(part)))
        return found, cascade

    def _lists(self, pools: Sequence[Pool], found: Annotation, blocked: Sequence[Blocked]) -> tuple[Lists, Cascade]:
        """Places of the best of each pool; none where the first ranker fails, of which the cascade will tell again."""
        scores, faults = score_all(pools, found.matrix, self.cascade.first)
        if any(faults):
            return [[] for _ in pools], self.cascade
        each = zip(pools, scores, blocked, strict=True)
        lists = [shortlist(one.value, reasons, self.cascade.size, pool.texts) for pool, one, reasons in each]
        return lists, self.cascade.after(scores) if pools else self.cascade

    def _in_time(self, pools: Sequence[Pool], lists: Lists, seconds: float) -> tuple[list[Pool], Rows]:
        """The longest shortlists that are read in so many seconds; none if two a pool are too many.

        What is begun and not done is lost, so the estimate has a margin and does not fade. To be corrected some time,
        should it be too high, two a pool are tried as soon as the fading one allows.
        """
        longest = max(map(len, lists), default=0)
        for size in range(longest, min(longest, FEWEST) - 1, -1):
            short, rows = shortened(pools, lists, size)
            if _MARGIN * self._to_read(short, careful=size > FEWEST) <= seconds:
                return short, rows
        return shortened(pools, lists, 0)

    def _to_read(self, pools: Sequence[Pool], *, careful: bool) -> float:
        """Seconds that the slowest dear annotator takes for pools; of those that the ranker reads and need no facts."""
        names = [name for name in self.cascade.dear if not needs_facts(self.dear[name])]
        work = words_to_read(pools)
        return max((self.runner.expected(name, work, careful=careful) for name in names), default=0.0)
