"""Asks two independent implementations of Debian's cron when random expressions are due, and writes their answers to `cases.tsv`.

    python3 -m venv v && v/bin/pip install cronsim==2.8 crondst==1.0.3 tzdata && v/bin/python make_table.py

`cronsim` is asked about UTC and the zones whose offsets are whole hours, `crondst` about the others, as cronsim reckons changes of
half an hour wrongly. Where an oracle gives up, the case is drawn anew. The seed is fixed, so that the table changes only with the
oracles, with the database of time zones, or with this file. `cargo test -p wren-core --test oracle` compares Wren with the table.
"""

from __future__ import annotations

import datetime as dt
import random
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from crondst import CronDst
from cronsim import CronSim

UTC = dt.timezone.utc
CASES = 24_000
FIRES = 4
FIRST, LAST = 2000, 2036

# Each with the oracle that is asked about it.
ZONES = {
    "UTC": "cronsim",
    "America/New_York": "cronsim",
    "Europe/Dublin": "cronsim",
    "Africa/Casablanca": "cronsim",
    "America/Sao_Paulo": "cronsim",
    "Australia/Lord_Howe": "crondst",
    "Asia/Kathmandu": "crondst",
}

draw = random.Random(20260301)


def entry(low: int, high: int) -> str:
    # Two values at least: `cronsim` reads the step of `2-2/3` as that of `2/3`, which goes on to the field's end.
    first, last = sorted(draw.sample(range(low, high + 1), 2))
    step = draw.randint(1, high - low)
    return draw.choices(
        ["*", f"*/{step}", str(first), f"{first}-{last}", f"{first}-{last}/{step}"], weights=[3, 2, 5, 2, 2]
    )[0]


def field(low: int, high: int, stars: float) -> str:
    if draw.random() < stars:
        return "*"
    return ",".join(entry(low, high) for _ in range(draw.choices([1, 2, 3], weights=[6, 2, 1])[0]))


def expression() -> str:
    # Around the hours at which clocks change there is more to go wrong.
    hour = field(0, 4, 0.1) if draw.random() < 0.5 else field(0, 23, 0.2)
    return " ".join([field(0, 59, 0.1), hour, field(1, 31, 0.6), field(1, 12, 0.7), field(0, 7, 0.6)])


def changes(zone: ZoneInfo) -> list[dt.datetime]:
    """Returns the hours within which the zone's offset changes."""
    found = []
    at = dt.datetime(FIRST, 1, 1, tzinfo=UTC)
    hour = dt.timedelta(hours=1)
    offset = at.astimezone(zone).utcoffset()
    while at.year <= LAST:
        then = at + dt.timedelta(days=1)
        if then.astimezone(zone).utcoffset() != offset:
            while (at + hour).astimezone(zone).utcoffset() == offset:
                at += hour
            found.append(at)
            then = at + hour
            offset = then.astimezone(zone).utcoffset()
        at = then
    return found


def instant(around: list[dt.datetime]) -> dt.datetime:
    if around and draw.random() < 0.7:
        return draw.choice(around) + dt.timedelta(minutes=draw.randint(-36 * 60, 3 * 60))
    start = dt.datetime(FIRST, 1, 1, tzinfo=UTC)
    return start + dt.timedelta(minutes=draw.randrange((LAST - FIRST) * 365 * 24 * 60))


def answers(oracle: str, cron: str, zone: ZoneInfo, after: dt.datetime) -> list[dt.datetime] | None:
    """Returns the next due times, or nothing where the oracle gives up."""
    local = after.astimezone(zone)
    try:
        fires = CronSim(cron, local) if oracle == "cronsim" else CronDst(cron).iter(local)
        found = [next(fires).astimezone(UTC) for _ in range(FIRES)]
    except Exception:  # Each has its own way to say so.
        return None
    return found if found[-1].year <= LAST else None


def minutes(at: dt.datetime) -> int:
    whole, rest = divmod(int(at.timestamp()), 60)
    if rest:
        raise ValueError(f"{at} is not a whole minute")
    return whole


def main() -> None:
    zones = {name: (ZoneInfo(name), oracle) for name, oracle in ZONES.items()}
    around = {name: changes(zone) for name, (zone, _) in zones.items()}
    rows, given_up = [], dict.fromkeys(ZONES, 0)
    while len(rows) < CASES:
        name = draw.choice(list(ZONES))
        zone, oracle = zones[name]
        cron, after = expression(), instant(around[name])
        fires = answers(oracle, cron, zone, after)
        if fires is None:
            given_up[name] += 1
            continue
        last, steps = minutes(after), []
        for fire in map(minutes, fires):
            steps.append(str(fire - last))
            last = fire
        rows.append("\t".join([cron, name, str(minutes(after)), *steps]))
    header = "# expression, zone, minutes from 1970 to the instant asked about, minutes from there to each due time in turn\n"
    path = Path(__file__).with_name("cases.tsv")
    path.write_text(header + "\n".join(rows) + "\n", encoding="utf-8")
    print(f"{len(rows)} cases; the oracles gave up on {given_up}", file=sys.stderr)


if __name__ == "__main__":
    main()
