from loadlab.profile.path_names import name_of_path


def test_a_counted_path_has_a_singular_a_plural_and_a_number() -> None:
    name = name_of_path("target.pool")
    assert (name.one, name.many) == ("worker in the pool", "workers in the pool")
    assert name.quantity == "the number of workers in the pool"
    assert name_of_path("load.idle").many == "idle connections"


def test_a_rate_is_no_number_of_things() -> None:
    assert name_of_path("load.rate").quantity == "the offered rate"


def test_any_other_path_is_called_by_its_last_key() -> None:
    name = name_of_path("target.read_ahead")
    assert (name.one, name.many, name.quantity) == ("unit of read ahead", "read ahead", "read ahead")
