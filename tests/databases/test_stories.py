"""The stories of whole passes again, with the shop and the state on real servers.

They are those of `tests/sync`, told by the fixtures of this folder.
"""

from __future__ import annotations

from tests.sync import test_fields, test_gone, test_meeting

for _module in (test_fields, test_gone, test_meeting):
    globals().update({n: told for n, told in vars(_module).items() if n.startswith("test_")})
