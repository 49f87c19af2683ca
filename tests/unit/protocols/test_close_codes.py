import pytest

from loadlab.protocols.close_codes import is_close_code, name_of_status


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("200", "200"),
        ("404", "404"),
        ("1000", "1000 normal closure"),
        ("1005", "1005 no code given"),
        ("1011", "1011 internal error"),
        ("2999", "2999"),
        ("3000", "3000 unauthorized"),
        ("3500", "3500 registered"),
        ("4001", "4001 private use"),
        ("others", "others"),
    ],
)
def test_codes_are_named_and_statuses_of_http_stay(status: str, name: str) -> None:
    assert name_of_status(status) == name
    assert is_close_code(status) is (status[0] in "1234" and len(status) == 4)
