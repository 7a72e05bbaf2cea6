"""The catalogue of what a CA can do wrong, and the rules of RFC 8555 that clients break: where each of them is proven."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.bed.process import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterable

TABLE = "tests/act/test_acme_catalogue_"
ACT, DECIDE, LOOK, CYCLE = "tests/act/test_", "tests/decide/test_", "tests/look/test_", "tests/cycle/test_"
LIMITS, ORDERS, REFUSALS = (
    f"{TABLE}limits.py::test_limits",
    f"{TABLE}orders.py::test_orders",
    f"{TABLE}orders.py::test_refusals",
)
VALIDATION, CERTIFICATES = (
    f"{TABLE}validation.py::test_validation",
    f"{TABLE}certificates.py::test_certificates",
)
NONCES, TROUBLE = f"{TABLE}network.py::test_nonces", f"{TABLE}network.py::test_passing_trouble"
WIRE = f"{ACT}scripted_ca.py::test_what_breaks_a_rule"
MATRIX = f"{ACT}acme_matrix.py::test_every_certificate_comes"

FAULTS = {
    "A01": (NONCES, MATRIX),
    "A02": (NONCES,),
    "A03": (NONCES,),
    "A04": (LIMITS,),
    "A05": (LIMITS, f"{DECIDE}acme_problems.py::test_paused", f"{DECIDE}limits.py::test_paused_names", f"{CYCLE}ledger.py::test_a_paused_name"),
    "A06": (LIMITS, TROUBLE),
    "A07": (TROUBLE,),
    "A08": (f"{TABLE}network.py::test_not_an_acme_answer",),
    "A09": (f"{TABLE}network.py::test_endless",),
    "A10": (f"{TABLE}network.py::test_slow",),
    "A11": (TROUBLE, f"{TABLE}network.py::test_garbled"),
    "A12": (f"{TABLE}urls.py::test_urls",),
    "A13": (f"{TABLE}urls.py::test_redirects",),
    "A14": (f"{TABLE}urls.py::test_location",),
    "A15": (ORDERS,),
    "A16": (ORDERS, MATRIX),
    "A17": (ORDERS, f"{ACT}acme_resume.py::test_order_that_takes_longer_than_our_patience"),
    "A18": (ORDERS,),
    "A19": (ORDERS,),
    "A20": (VALIDATION,),
    "A21": (VALIDATION, f"{ACT}acme_resume.py::test_authorization_whose_time_is_over"),
    "A22": (ORDERS, VALIDATION),
    "A23": (ORDERS,),
    "A24": (VALIDATION,),
    "A25": (f"{TABLE}orders.py::test_replaces", f"{ACT}acme_issue.py::test_renewal_says_what_it_replaces"),
    "A26": (REFUSALS,),
    "A27": (f"{DECIDE}partition.py::test_too_many_names_for_one_certificate",),
    "A28": (REFUSALS,),
    "A29": (VALIDATION,),
    "A30": (CERTIFICATES, f"{ACT}store_refused.py::test_kept_private_and_cut", f"{CYCLE}not_ordered.py::test_not_what_was_ordered"),
    "A31": (CERTIFICATES,),
    "A32": (f"{DECIDE}chain.py::test_staging_in_production",),
    "A33": (f"{ACT}acme_chains.py::test_chain_that_nobody_offers",),
    "A34": (CERTIFICATES,),
    "A35": (REFUSALS, f"{ACT}acme_account.py::test_changed_terms_name_their_page"),
    "A36": (REFUSALS, f"{ACT}acme_account.py::test_dead_account_is_final"),
    "A37": (
        f"{ACT}acme_account.py::test_ca_that_lost_everything_gets_a_new_account",
        f"{ACT}acme_account_stops.py::test_lost_account_that_records_depend_on",
        f"{ACT}acme_restart.py::test_pebble_that_was_started_anew",
    ),
    "A38": (f"{CYCLE}account_life.py::test_lost_key_with_and_without_records",),
    "A39": (f"{ACT}acme_account_stops.py::test_refused_binding", f"{ACT}acme_account_stops.py::test_binding_that_was_used_before"),
    "A40": (f"{CYCLE}account_life.py::test_another_ca_and_back", f"{DECIDE}plan.py::test_a_certificate_of_another_ca_is_replaced_without_naming_it"),
    "A41": (f"{CYCLE}revocations.py::test_revoked_certificate_is_replaced", f"{ACT}acme_restart.py::test_renewal_information_set_at_the_ca"),
    "A42": (f"{LOOK}renewal_info.py::test_a_window_that_breaks_the_rfc", f"{LOOK}renewal_info.py::test_an_answer_that_is_none", f"{DECIDE}renewal.py::test_ask_again_after"),
    "A43": (f"{DECIDE}renewal.py::test_due",),
    "A44": (f"{DECIDE}renewal.py::test_due_is_always_in_time",),
    "A45": (f"{LOOK}renewal_info.py::test_when_to_ask_again_and_why",),
    "A46": (f"{TABLE}urls.py::test_hostile_words",),
    "A47": (f"{TABLE}urls.py::test_tokens",),
    "A48": (f"{ACT}acme_faults.py::test_untrusted_certificate_of_the_ca", f"{ACT}acme_through_proxies.py::test_proxy_that_reads_along"),
    "A49": (REFUSALS,),
    "A50": (REFUSALS,),
    "A51": (LIMITS, f"{CYCLE}ledger.py::test_a_limit_on_the_account", f"{DECIDE}limits.py::test_what_the_ca_says_of_its_limits"),
    "A52": (ORDERS, VALIDATION),
    "T01": (f"{ACT}acme_clock.py::test_nothing_is_ordered_by_a_clock_that_is_far_ahead",),
    "T02": (f"{ACT}acme_through_proxies.py::test_clock_that_makes_the_ca_untrusted",),
    "T05": (MATRIX, f"{ACT}acme_library.py::test_l5_dates"),
    "T06": (f"{ACT}acme_catalogue_certificates.py::test_what_begins_soon_is_waited_for",),
    "O08": (f"{ACT}acme_through_proxies.py::test_a_certificate_through_a_proxy", f"{ACT}acme_through_proxies.py::test_proxy_says_no"),
}  # fmt: skip

RULES = {
    "P-1": (f"{TABLE}urls.py::test_urls",),
    "P-2": (WIRE,),
    "P-3": (WIRE,),
    "P-4": (WIRE, f"{ACT}scripted_ca.py::test_ours_breaks_none"),
    "P-5": (NONCES, f"{ACT}acme_library.py::test_l2_nonce_of_the_rejection"),
    "P-6": (NONCES, f"{ACT}acme_waiting.py::test_newest_nonce_goes_first_and_old_ones_not_at_all"),
    "P-7": (WIRE, TROUBLE),
    "P-8": (REFUSALS,),
    "P-9": (LIMITS,),
    "P-10": (f"{TABLE}limits.py::test_problem_is_kept_whole", f"{TABLE}limits.py::test_limit_keeps_what_the_ca_said"),
    "P-11": (ORDERS, f"{TABLE}network.py::test_not_an_acme_answer"),
    "P-12": (f"{ACT}acme_account.py::test_account_is_made_once_and_found_by_its_key", f"{ACT}store_accounts.py::test_back_and_forth"),
    "P-13": (REFUSALS,),
    "P-14": (f"{ACT}acme_account_stops.py::test_lost_account_that_records_depend_on",),
    "P-15": (f"{ACT}acme_open_account.py::test_another_key",),
    "P-16": (REFUSALS,),
    "P-17": (ORDERS,),
    "P-18": (ORDERS, REFUSALS),
    "P-19": (ORDERS, f"{ACT}acme_resume.py::test_order_that_takes_longer_than_our_patience"),
    "P-20": (ORDERS,),
    "P-21": (VALIDATION,),
    "P-22": (VALIDATION,),
    "P-23": (VALIDATION,),
    "P-24": (f"{TABLE}validation.py::test_whatever_is_left_is_given_back",),
    "P-25": (ORDERS,),
    "P-26": (CERTIFICATES,),
    "P-27": (CERTIFICATES, f"{DECIDE}chain.py::test_staging_in_production"),
    "P-28": (f"{ACT}acme_resume.py::test_stopped_at_each_request",),
    "P-29": (f"{DECIDE}open_orders.py::test_left_for_a_new_one",),
    "P-30": (f"{TABLE}urls.py::test_tokens",),
    "P-31": (f"{ACT}scripted_ca.py::test_ours_breaks_none",),
    "B-1": (ORDERS,),
    "B-2": (f"{TABLE}orders.py::test_replaces",),
    "B-3": (MATRIX,),
    "B-4": (ORDERS, MATRIX),
    "B-5": (LIMITS, f"{DECIDE}acme_problems.py::test_paused"),
    "B-6": (f"{DECIDE}partition.py::test_what_stands_together_stays_together",),
    "B-7": (f"{DECIDE}names.py::test_refused",),
    "B-8": (f"{DECIDE}partition.py::test_the_length_of_all_names_together",),
    "B-9": (f"{ACT}acme_account.py::test_account_keys", f"{ACT}acme_account.py::test_unusable_account_key"),
    "B-10": (f"{TABLE}limits.py::test_every_kind_of_problem",),
    "B-11": (f"{DECIDE}issuance_policy.py::test_host_names",),
    "B-12": (f"{DECIDE}redirects.py::test_follow",),
    **{
        f"L-{number}": tuple(f"{ACT}acme_library{file}.py::{test}" for file, test in tests)
        for number, tests in {
            1: [("", "test_l1_what_is_missing")],
            2: [("", "test_l2_rejected_nonces"), ("", "test_l2_nonce_of_the_rejection")],
            3: [("", "test_l3_time_of_a_limit")],
            4: [("", "test_l4_kinds_of_conflict"), ("", "test_l4_kinds_without_a_code")],
            5: [("", "test_l5_dates"), ("", "test_l5_ages"), ("", "test_l5_storm_of_polls")],
            6: [("", "test_l6_invalid_authorization_without_a_reason"), ("", "test_l6_pace_of_polls")],
            7: [("_reading", "test_l7_window_that_ends_before_it_begins"), ("_reading", "test_l7_explanation_and_one_moment")],
            8: [("_reading", f"test_l8_{what}") for what in ("unknown_status", "large_bodies", "no_limit_in_all", "answer_without_a_link", "what_it_logs")],
        }.items()
    },
}  # fmt: skip


@cache
def functions_of(path: str) -> frozenset[str]:
    """The names of the test functions of a file."""
    tree = ast.parse((CHECKOUT / path).read_text(encoding="utf-8"))
    return frozenset(one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))


def missing(places: Iterable[str]) -> list[str]:
    """The places where there is no such test."""
    split = [place.split("::") for place in places]
    return [
        f"{path}::{test}"
        for path, test in split
        if not (CHECKOUT / path).is_file() or test not in functions_of(path)
    ]


def test_every_row_has_its_place() -> None:
    """52 rows about CAs, the clock's two that a CA decides, and the environment's proxy; 43 rules; eight faults of the library."""
    assert set(FAULTS) == {f"A{number:02}" for number in range(1, 53)} | {"T01", "T02", "T05", "T06", "O08"}
    assert set(RULES) == {
        *(f"P-{number}" for number in range(1, 32)),
        *(f"B-{number}" for number in range(1, 13)),
        *(f"L-{number}" for number in range(1, 9)),
    }


@pytest.mark.parametrize(("row", "places"), {**FAULTS, **RULES}.items(), ids=[*FAULTS, *RULES])
def test_each_row_is_proven(row: str, places: tuple[str, ...]) -> None:
    """Its tests are there; where that is one of the tables, the row has a line in it."""
    assert missing(places) == []
    for path in {place.partition("::")[0] for place in places if place.startswith(TABLE) and row in FAULTS}:
        assert f'"{row} ' in (CHECKOUT / path).read_text(encoding="utf-8").replace('what("', '"')
