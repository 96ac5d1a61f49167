"""The threats, what holds against each, and the tests that prove it: the rows of one table.

A test is named as pytest names it: a file, or a file and a function. A mark says the same from the
test's side: `@pytest.mark.threat("path traversal")`.
"""

from typing import NamedTuple


class Threat(NamedTuple):
    """A row."""

    name: str
    defence: str
    tests: tuple[str, ...]


def _in(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"tests/{folder}/{name}" for name in names)


BAD = "tests/e2e/test_bad_input.py::"
THREATS = (
    Threat(
        "path traversal",
        "keys are the server's own; ids have one form; names are only ever shown",
        (
            f"{BAD}test_malformed_ids_are_refused",
            f"{BAD}test_encoded_path_parts_in_an_id_are_refused",
            f"{BAD}test_a_path_that_leaves_the_interface_is_not_found",
            "tests/security/test_bad_inputs.py::test_a_hundred_bad_names_harm_nobody",
        ),
    ),
    Threat(
        "header injection",
        "names without controls; a quoted ASCII form and an encoded one",
        (
            f"{BAD}test_a_file_name_is_made_harmless",
            *_in("unit", "test_names.py"),
            *_in("e2e", "test_downloads.py::test_a_name_is_told_in_both_forms"),
        ),
    ),
    Threat(
        "argument injection",
        "argv lists, enums, numbers in range; no caller's text is an argument",
        (
            f"{BAD}test_an_unknown_format_is_refused",
            f"{BAD}test_an_unknown_quality_is_refused",
            f"{BAD}test_an_unknown_or_impossible_option_is_refused",
            *_in("unit", "test_command.py"),
        ),
    ),
    Threat(
        "SSRF and local reads by playlist",
        "sniffed, one demuxer pinned, format and protocol lists, sandbox; URLs are never taken",
        (*_in("security", "test_playlists.py"), *_in("unit", "test_sniff.py")),
    ),
    Threat(
        "SSRF by webhook",
        "only public addresses, judged again at connection; no redirects",
        (
            *_in("unit", "test_addresses.py"),
            *_in(
                "integration",
                "test_webhooks.py::test_a_private_address_is_never_called_unless_allowed",
            ),
            *_in("e2e", "test_retry.py::test_a_webhook_into_our_own_network_is_refused_at_once"),
        ),
    ),
    Threat(
        "memory corruption in ffmpeg",
        "another user, Landlock, seccomp, limits, a folder for each run, no credentials",
        (
            *_in("security", "test_from_inside.py", "test_modes.py", "test_wild_headers.py"),
            *_in("unit", "test_sandbox.py"),
            *_in("e2e", "test_contained.py"),
        ),
    ),
    Threat(
        "decompression and CPU bombs",
        "judged before they run; caps on output, memory, computing time",
        _in("security", "test_bombs.py"),
    ),
    Threat(
        "compressed bodies, JSON bombs",
        "no Content-Encoding; small JSON; counted bytes; few parts",
        (
            f"{BAD}test_a_compressed_body_is_refused",
            f"{BAD}test_malformed_json_is_refused",
            f"{BAD}test_a_json_body_over_its_limit_is_refused",
            f"{BAD}test_a_malformed_form_is_refused",
        ),
    ),
    Threat(
        "slowloris",
        "15 s between reads, 110 s a chunk, connections counted by client",
        _in("security", "test_connections.py"),
    ),
    Threat(
        "limit bypass by chunks",
        "what is announced counts before anything is stored, and again when it is complete",
        (
            f"{BAD}test_a_file_over_the_limit_is_refused_before_anything_is_stored",
            f"{BAD}test_a_chunk_of_the_wrong_size_is_refused",
            *_in("integration", "test_direct.py::test_more_than_the_limit_is_refused_and_gone"),
        ),
    ),
    Threat(
        "phantom chunks",
        "a chunk counts once its store has acknowledged all of its bytes",
        _in(
            "e2e",
            "test_uploads.py::test_a_body_cut_in_its_middle_is_not_received",
            "test_uploads.py::test_a_whole_file_cut_in_its_middle_leaves_nothing",
        ),
    ),
    Threat(
        "quota floods",
        "open uploads, stored bytes, jobs and requests are counted for each owner",
        _in("security", "test_quotas.py", "test_rates.py"),
    ),
    Threat(
        "guessable and foreign ids",
        "192 random bits; another's answers as one that does not exist",
        (
            f"{BAD}test_unknown_ids_are_not_found",
            *_in("security", "test_api_keys.py"),
            *_in("e2e", "test_jobs.py::test_a_record_shows_the_job_but_nothing_that_is_ours"),
        ),
    ),
    Threat(
        "CSRF, foreign origins",
        "no cookies; Origin and Sec-Fetch-Site are looked at; exact names only",
        (*_in("security", "test_sites.py"), *_in("unit", "test_origins.py")),
    ),
    Threat(
        "XSS by name or tag",
        "text is only ever text; nothing inline, nothing foreign",
        (
            *_in("e2e", "test_page.py::test_markup_in_a_name_is_inert"),
            *_in("e2e", "test_page.py::test_no_request_leaves_the_origin"),
            *_in("unit", "test_openapi.py::test_the_page_keeps_to_its_content_security_policy"),
            *_in("e2e", "test_docs.py"),
            *_in("security", "test_page_names.py"),
        ),
    ),
    Threat(
        "sniffing on download",
        "an attachment of the result's own type, nosniff, in a sandbox",
        (*_in("e2e", "test_downloads.py"), *_in("security", "test_headers.py")),
    ),
    Threat(
        "presigned URLs that leak",
        "five minutes, for one object, neither cached nor referred",
        _in("integration", "test_presigned.py", "test_direct.py"),
    ),
    Threat(
        "secrets in logs, forged lines",
        "one line of JSON for each event; nothing secret in it",
        (
            *_in("security", "test_bad_inputs.py::test_the_log_has_one_line_for_each_event"),
            *_in("security", "test_logs.py"),
            *_in("unit", "test_settings.py::test_nothing_shows_a_secret"),
            *_in("unit", "test_janitor_filters.py::test_a_name_cannot_steer_the_terminal"),
        ),
    ),
    Threat(
        "event streams that leak",
        "some for each client and for all; none outlives its client",
        _in("security", "test_streams.py"),
    ),
    Threat(
        "broken and hostile files",
        "hundreds of them, each with a name for its end, and nothing left",
        (*_in("security", "test_bad_inputs.py", "test_wild_headers.py"), BAD.rstrip(":")),
    ),
    Threat(
        "answers that nobody foresaw",
        "every status, code and body is declared, and generated requests are held against it",
        (*_in("security", "test_openapi.py"), *_in("unit", "test_openapi.py")),
    ),
    Threat(
        "files that stay",
        "deleted after a day, at once, or after their download; the upload too",
        _in("e2e", "test_deletion.py"),
    ),
    Threat(
        "supply chain",
        "hashed requirements in step with what is declared; a bill of materials; an audit",
        _in("unit", "test_supply_chain.py"),
    ),
    Threat(
        "containers and cloud roles",
        "no root, no capabilities, read-only; each role may do what its service does",
        (
            *_in("unit", "test_deployments.py"),
            *_in("integration", "test_setup.py::test_no_policy_allows_more_than_it_names"),
            *_in("chaos", "test_least_privilege.py"),
        ),
    ),
)

# Rows whose tests are not here yet; a row whose tests have come may not stay in it.
AWAITED: frozenset[str] = frozenset()
