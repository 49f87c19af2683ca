"""More units than are wise are refused before any is made."""

import pytest

from loadlab.errors import LoadlabError
from loadlab.micro.messages import SwitchCostPart, Unit
from loadlab.micro.switch_cost import measure_switch_cost


@pytest.mark.parametrize(
    ("unit", "count", "told"),
    [
        (Unit.PROCESS, 201, "201 processes are too many to weigh; ask for at most 200"),
        (Unit.THREAD, 2_001, "2,001 threads are too many to weigh; ask for at most 2,000"),
        (Unit.COROUTINE, 100_001, "100,001 coroutines are too many to weigh; ask for at most 100,000"),
    ],
)
def test_too_many_are_refused(unit: Unit, count: int, told: str) -> None:
    with pytest.raises(LoadlabError, match=told):
        measure_switch_cost(SwitchCostPart(unit=unit, count=count))
