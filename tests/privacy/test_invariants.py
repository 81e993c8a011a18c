"""The twenty invariants of personal data: `test_NN_…` holds invariant NN. Each area is a file."""

from __future__ import annotations

import re

from tests.privacy.invariants.audit import *  # noqa: F403 - 18
from tests.privacy.invariants.backup import *  # noqa: F403 - 20, and backups in 8 and 11
from tests.privacy.invariants.broken_off import *  # noqa: F403 - 10
from tests.privacy.invariants.erasure import *  # noqa: F403 - 8 and 9
from tests.privacy.invariants.index_rotation import *  # noqa: F403 - 11

# pytest takes a test from the module that it is found in; the order is that of the numbers.
from tests.privacy.invariants.leaks import *  # noqa: F403 - 1 to 3
from tests.privacy.invariants.other_ways_in import *  # noqa: F403 - 9
from tests.privacy.invariants.policy import *  # noqa: F403 - 12 to 17
from tests.privacy.invariants.release import *  # noqa: F403 - 19
from tests.privacy.invariants.rotation import *  # noqa: F403 - 11
from tests.privacy.invariants.sealing import *  # noqa: F403 - 4 to 7


def test_each_of_the_twenty_has_its_tests() -> None:
    numbers = {int(m[1]) for name in globals() if (m := re.match(r"test_(\d\d)_", name))}
    assert numbers == set(range(1, 21))
