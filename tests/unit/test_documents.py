"""What is written about the code is true of the code."""

import configuration


def test_the_table_of_settings_is_the_one_in_the_code() -> None:
    assert configuration.TARGET.read_text() == configuration.table(), "run make docs"
