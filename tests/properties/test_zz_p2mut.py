import pytest, sys
from collections import Counter
from tests.conftest import *
from tests.properties import test_share_machine as m
from chalicelib.core import share_offers, share_answers, bindings
MUT = os.environ["MUT"]
def test_mut(aws, clock, monkeypatch):
    if MUT == "manager":
        monkeypatch.setattr(share_offers, "check_manager", lambda *a: None)
    if MUT == "write":
        real = share_answers._write
        monkeypatch.setattr(share_answers, "_write", lambda c, s, e: [c.put(m.stored.__globals__['share_records'].record_of(s, received=r)) for r in (True, False)])
    if MUT == "stats":
        seen = Counter()
        real = m.Household.seen
        def s(self):
            r = real(self); seen.update(st.value for (_, st), n in r.shares.items()); seen["member"] += sum(1 for h in r.held.values() for v in h.values() if v[0].value=="member"); return r
        monkeypatch.setattr(m.Household, "seen", s)
    try:
        m.test_shares_hold_whatever_happens(aws, clock, monkeypatch)
    finally:
        if MUT == "stats": print(seen)
