"""What AWS counts for a request, and what counts come to in dollars."""

import pytest
from msgspec import structs

from bench.costs import units
from bench.costs.__main__ import read_costs
from bench.costs.bill import (
    Habits,
    Quantities,
    bill,
    egress,
    look_units,
    mixed,
    read_prices,
    redis_nodes,
)
from bench.costs.tally import Tally, Use
from bench.costs.walls import walls
from wavemill_common.records.dynamo_tables import jobs_table

ITEM = {"jobId": {"S": "a" * 32}, "dueShard": {"S": "D#7"}, "dueAt": {"N": "1795402556.25"}}
DUE = units.Index(("dueShard", "dueAt"), frozenset({"jobId", "dueShard", "dueAt"}))


def test_an_item_is_as_large_as_its_names_and_values() -> None:
    assert units.item_size({"a": {"S": "é"}}) == 1 + 2
    assert units.item_size({"ab": {"N": "100"}}) == 2 + 3
    assert units.item_size({"ab": {"N": "-12.5"}}) == 2 + 4
    assert units.item_size({"a": {"BOOL": True}}) == 1 + 1
    assert units.item_size({"a": {"L": [{"S": "xy"}]}}) == 1 + 3 + 1 + 2
    assert units.item_size({"a": {"M": {"k": {"S": "xy"}}}}) == 1 + 3 + 1 + 1 + 2


@pytest.mark.parametrize(("size", "wanted"), [(10, 1), (1000, 1), (1100, 2), (4000, 4)])
def test_a_write_costs_a_unit_for_each_kilobyte(size: int, wanted: int) -> None:
    assert units.write_units(None, {"a": {"S": "x" * size}}) == wanted


def test_a_write_is_as_dear_as_the_larger_of_what_was_and_what_is() -> None:
    large = {"a": {"S": "x" * 3000}}
    assert units.write_units(large, {"a": {"S": "x"}}) == units.write_units(large, None) == 3


def test_a_read_costs_a_unit_for_four_kilobytes_and_half_where_it_may_be_stale() -> None:
    assert units.read_units([100, 200], consistent=True) == 1
    assert units.read_units([4000, 200], consistent=True) == 2
    assert units.read_units([], consistent=False) == 0.5


def test_an_index_costs_what_a_write_changes_in_it() -> None:
    moved = {**ITEM, "dueAt": {"N": "1795402999.5"}}
    elsewhere = {**ITEM, "status": {"S": "processing"}}
    gone = {"jobId": ITEM["jobId"]}
    assert units.index_units(DUE, None, ITEM) == 1
    assert units.index_units(DUE, ITEM, moved) == 2
    assert units.index_units(DUE, ITEM, elsewhere) == 0
    assert units.index_units(DUE, ITEM, gone) == 1
    assert units.index_units(DUE, None, gone) == 0


def test_an_index_that_holds_more_than_its_key_is_written_when_that_changes() -> None:
    by_owner = units.Index(("owner", "createdAt"), frozenset({"owner", "createdAt", "status"}))
    item = {"owner": {"S": "o"}, "createdAt": {"N": "1"}, "status": {"S": "created"}}
    assert units.index_units(by_owner, item, {**item, "status": {"S": "completed"}}) == 1


def test_the_indexes_are_those_that_the_product_makes() -> None:
    keys = {index.key for index in units.indexes_of(jobs_table("jobs"))}
    assert keys == {("dueShard", "dueAt"), ("expiryShard", "expiresAt"), ("owner", "createdAt")}


@pytest.mark.parametrize(
    ("method", "query", "operation", "kind"),
    [
        ("PUT", {}, "PutObject", units.PUT),
        ("PUT", {"partNumber", "uploadId"}, "UploadPart", units.PUT),
        ("POST", {"uploads"}, "CreateMultipartUpload", units.PUT),
        ("POST", {"uploadId"}, "CompleteMultipartUpload", units.PUT),
        ("POST", {"delete"}, "DeleteObjects", units.PUT),
        ("GET", {"list-type", "prefix"}, "ListObjectsV2", units.PUT),
        ("GET", {"uploadId"}, "ListParts", units.PUT),
        ("GET", set(), "GetObject", units.GET),
        ("HEAD", set(), "HeadObject", units.GET),
        ("DELETE", set(), "DeleteObject", units.FREE),
        ("DELETE", {"uploadId"}, "AbortMultipartUpload", units.FREE),
    ],
)
def test_a_request_to_s3_is_of_the_class_of_the_price_list(
    method: str, query: set[str], operation: str, kind: str
) -> None:
    assert units.s3_operation(method, query) == operation
    assert units.s3_class(operation) == kind


def test_a_tally_tells_what_was_used_since() -> None:
    name = ("gateway", "s3.put", "PutObject")
    before, after = Tally({name: Use(requests=2)}), Tally({name: Use(requests=5, bytes_in=9)})
    assert list(after.since(before)) == [(name, Use(requests=3, bytes_in=9))]
    assert list(after.since(after)) == []
    assert list(Tally.from_json(after.to_json())) == list(after)


def test_what_leaves_is_priced_by_tiers() -> None:
    tiers = [(10.0, 0.5), (30.0, 0.25), (None, 0.125)]
    assert egress(8, tiers) == 4
    assert egress(20, tiers) == 5 + 2.5
    assert egress(38, tiers) == 5 + 5 + 1


def test_a_look_at_a_large_index_asks_every_shard() -> None:
    assert look_units(10) == 0.5
    assert look_units(10_000) > 64


def test_redis_gets_shards_as_its_thread_is_filled_and_each_has_a_replica() -> None:
    one = Quantities(redis=700.0)
    assert [redis_nodes(rate, one, Habits(busy=0.7)) for rate in (1, 1000, 1001, 10_000)] == [
        2, 2, 4, 20,
    ]  # fmt: skip


def test_ten_times_the_jobs_cost_ten_times_as_much_but_for_what_is_there_anyway() -> None:
    costs, prices = read_costs(), read_prices()
    few, many = (bill(costs, rate, prices, Habits()) for rate in (100.0, 1000.0))
    for name in ("records", "requests", "storage", "converters", "gateways"):
        assert getattr(many, name) == pytest.approx(10 * getattr(few, name))
    assert many.per_thousand < few.per_thousand


def test_a_bill_is_linear_in_its_prices() -> None:
    costs, prices = read_costs(), read_prices()
    dearer = structs.replace(prices, s3_put_thousand=0, s3_get_thousand=0)
    plain, free = (bill(costs, 100, one, Habits()) for one in (prices, dearer))
    assert free.requests == 0
    assert plain.total - free.total == pytest.approx(plain.requests)


def test_the_mix_is_between_its_kinds() -> None:
    clips = mixed(read_costs(), Habits(mix={"clip": 1.0}))
    hours = mixed(read_costs(), Habits(mix={"hour": 1.0}))
    both = mixed(read_costs(), Habits(mix={"clip": 0.5, "hour": 0.5}))
    assert both.converter == pytest.approx((clips.converter + hours.converter) / 2)


def test_a_kind_that_was_not_measured_leaves_its_share_to_the_others() -> None:
    costs = read_costs()
    clips = structs.replace(costs, jobs=costs.jobs[:1])
    assert mixed(clips, Habits()) == mixed(clips, Habits(mix={"clip": 1.0}))


def test_the_nearest_wall_comes_first() -> None:
    rates = [wall.rate for wall in walls(read_costs(), Habits())]
    assert rates == sorted(rates)
