"""What is written about the code is true of the code."""

import configuration
import formats_page


def test_the_table_of_settings_is_the_one_in_the_code() -> None:
    assert configuration.TARGET.read_text() == configuration.table(), "run make docs"


def test_the_page_of_formats_is_made_from_the_catalogue() -> None:
    assert formats_page.TARGET.read_text() == formats_page.page(), "run make docs"
