"""Services that work on one archive at the same time do not hurt each other."""

from __future__ import annotations

import pytest

from tests.service import together
from tests.service.conftest import Rig


@pytest.mark.parametrize("services", [2, 3])
def test_what_another_one_deleted_is_already_gone_and_together_they_delete_all_of_it(rig: Rig, services: int) -> None:
    cell = together.tried(services, 1, rig.sandbox)
    assert not cell.wrong, cell.line
