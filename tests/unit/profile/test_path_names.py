import pytest

from loadlab.profile.path_names import name_of_path, name_of_value


def test_a_counted_path_has_a_singular_a_plural_and_a_number() -> None:
    name = name_of_path("target.pool")
    assert (name.one, name.many) == ("worker in the pool", "workers in the pool")
    assert name.quantity == "the number of workers in the pool"
    assert name_of_path("load.idle").many == "idle connections"
    assert name_of_path("load.idle").growing == "with more idle connections"


def test_a_rate_is_no_number_of_things() -> None:
    name = name_of_path("load.rate")
    assert (name.is_counted, name.growing) == (False, "as the offered rate grows")


def test_any_other_path_is_called_by_its_last_key() -> None:
    name = name_of_path("target.read_ahead")
    assert (name.one, name.many, name.quantity) == ("unit of read ahead", "read ahead", "read ahead")


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        ("target.server", "epoll", "epoll"),
        ("target.blocking", True, "blocking calls"),
        ("target.nodelay", True, "nodelay true"),
        ("target.pool", 8, "8 workers in the pool"),
        ("target.pool", 1, "1 worker in the pool"),
        ("load.idle", 19_000, "19,000 idle connections"),
        ("load.rate", 5000, "offered rate 5,000"),
        ("target.read_ahead", 2, "read ahead 2"),
        ("placement", None, "placement none"),
    ],
)
def test_a_value_says_what_it_is_of(path: str, value: str | int | bool | None, name: str) -> None:
    assert name_of_value(path, value) == name


def test_variables_and_headers_are_called_as_they_are_written() -> None:
    assert name_of_path("target.env.POOL_SIZE").many == "POOL_SIZE"
    assert name_of_path("load.request.headers.Accept-Encoding").many == "Accept-Encoding"


def test_the_variable_that_servers_read_for_their_workers_has_a_name() -> None:
    assert name_of_path("target.env.WEB_CONCURRENCY").growing == "with more worker processes"
