"""Intervals and tests: against closed forms, scipy, and the coverage on simulated data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quickstudy.core.types import QuickstudyError
from quickstudy.evaluation.statistics import compare, holm, over_episodes, over_tasks, sign_flip


def simulated(seed, tasks, episodes, between, within):
    """Values of each task, and the tasks' true means, around 0.7."""
    rng = np.random.default_rng(seed)
    means = rng.normal(0.7, between, tasks)
    return {f"task {k}": rng.normal(mean, within, episodes) for k, mean in enumerate(means)}, means


def test_one_task_over_episodes_is_the_t_interval():
    values = [0.61, 0.72, 0.55, 0.81, 0.66]
    found = over_episodes({"only": values})
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.tasks, found.episodes) == (1, 5)


def test_two_equal_tasks_over_episodes_are_welchs_interval():
    first, second = [0.5, 0.6, 0.8, 0.7], [0.1, 0.15, 0.4]
    found = over_episodes({"a": first, "b": second})
    # The mean of two means is half the difference between one and the negated other.
    welch = stats.ttest_ind(first, [-value for value in second], equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((welch.low / 2, welch.high / 2))


def test_a_task_with_many_episodes_weighs_no_more():
    assert over_episodes({"a": [1.0] * 100, "b": [0.0, 0.0]}).mean == 0.5
    assert over_tasks({"a": [1.0] * 100, "b": [0.0, 0.0]}, resamples=50).mean == 0.5


def test_what_cannot_be_known_is_not_told():
    assert over_episodes({"a": [0.5, 0.6], "b": [0.7]}).low is None
    assert over_tasks({"a": [0.5, 0.6, 0.7]}).high is None


@pytest.mark.parametrize("values", [{}, {"a": []}, {"a": [0.5, float("nan")]}])
def test_nothing_and_no_number_are_refused(values):
    for interval in (over_episodes, over_tasks):
        with pytest.raises(QuickstudyError):
            interval(values)


@pytest.mark.parametrize(("tasks", "between", "within"), [(6, 0.1, 0.03), (6, 0.02, 0.1), (15, 0.05, 0.05)])
def test_the_interval_over_tasks_holds_the_truth_as_often_as_it_says(tasks, between, within):
    held = 0
    for seed in range(200):
        found = over_tasks(simulated(seed, tasks, 12, between, within)[0], seed, resamples=400)
        held += found.low <= 0.7 <= found.high
    # 200 trials at 95 %: below 90 % happens by chance less than once in 300; it may be cautious, never bold.
    assert held / 200 >= 0.9


def test_the_interval_over_episodes_holds_the_mean_of_these_tasks():
    held = 0
    for seed in range(400):
        values, means = simulated(seed, 4, 6, 0.2, 0.05)
        found = over_episodes(values)
        held += found.low <= means.mean() <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_the_interval_over_tasks_sees_the_spread_of_tasks():
    values = simulated(0, 8, 50, 0.2, 0.01)[0]
    tasks, episodes = over_tasks(values, resamples=2000), over_episodes(values)
    assert tasks.high - tasks.low > 5 * (episodes.high - episodes.low)
    spread = 2 * stats.t.ppf(0.975, 7) * stats.sem([group.mean() for group in values.values()])
    assert tasks.high - tasks.low == pytest.approx(spread, rel=0.15)


def test_the_same_seed_gives_the_same_interval_in_any_order_of_tasks():
    values = simulated(1, 5, 10, 0.1, 0.1)[0]
    turned = dict(reversed(values.items()))
    assert over_tasks(values, 3, resamples=500) == over_tasks(turned, 3, resamples=500)
    assert over_tasks(values, 3, resamples=500) != over_tasks(values, 4, resamples=500)


def test_parts_of_the_bootstrap_join():
    values = {"a": [0.0] * 3000, "b": [1.0] * 3000}  # so long that it is drawn in several parts
    found = over_tasks(values, resamples=10_000)
    assert (found.mean, found.low, found.high) == (0.5, 0.0, 1.0)


def test_sign_flip_is_exact_for_few():
    # All positive: only the data themselves and their mirror are as extreme among 2 ** 5 flips.
    assert sign_flip([0.1, 0.2, 0.05, 0.3, 0.2]) == pytest.approx(2 / 32)
    assert sign_flip([0.3]) is None
    assert sign_flip([0.0, 0.0, 0.0]) == 1.0


def test_sign_flip_of_ranks_is_wilcoxons_test():
    rng = np.random.default_rng(0)
    differences = rng.normal(0.3, 1, 10)
    signed = np.sign(differences) * stats.rankdata(np.abs(differences))
    assert sign_flip(signed) == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue)


def test_sign_flip_of_many_agrees_with_the_t_test():
    differences = np.random.default_rng(2).normal(0.02, 0.1, 200)
    assert sign_flip(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.01)


def test_sign_flip_errs_no_more_than_it_says():
    p = [sign_flip(np.random.default_rng(seed).normal(0, 1, 20), seed, 300) for seed in range(300)]
    assert np.mean(np.array(p) <= 0.05) <= 0.085


def paired(seed, gain):
    rng = np.random.default_rng(seed)
    first, second = {}, {}
    for task in ("x", "y", "z", "w", "v", "u"):
        hard = rng.normal(0.6, 0.2, 20)  # shared by both learners: pairing takes it out
        second[task] = {f"{task}{k}": value for k, value in enumerate(hard)}
        first[task] = {f"{task}{k}": value + gain + rng.normal(0, 0.01) for k, value in enumerate(hard)}
    return first, second


def test_pairing_finds_what_the_spread_of_episodes_hides():
    first, second = paired(0, 0.02)
    found = compare(first, second, resamples=999)
    assert found.over_tasks.mean == pytest.approx(0.02, abs=0.003)
    assert 0 < found.over_tasks.low < 0.02 < found.over_tasks.high < 0.03
    assert found.p_episodes == pytest.approx(2 / 1000)
    assert found.p_tasks == pytest.approx(2 / 64)


def test_comparing_is_antisymmetric():
    first, second = paired(1, 0.01)
    there, back = compare(first, second, resamples=500), compare(second, first, resamples=500)
    assert there.over_episodes.mean == pytest.approx(-back.over_episodes.mean)
    assert there.over_episodes.low == pytest.approx(-back.over_episodes.high)


def test_only_episodes_that_both_have_are_compared():
    first = {"a": {"1": 0.9, "2": 0.8}, "b": {"3": 1.0}}
    second = {"a": {"2": 0.6, "4": 0.0}, "c": {"5": 1.0}}
    found = compare(first, second)
    assert found.over_episodes.mean == pytest.approx(0.2)
    assert (found.over_episodes.tasks, found.over_episodes.episodes) == (1, 1)
    assert (found.p_episodes, found.p_tasks) == (None, None)
    assert compare({"a": {"1": 0.5}}, {"a": {"2": 0.5}}) is None


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, None, 0.7]) == [1.0, None, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=50, deadline=None)
def test_holm_lies_between_the_raw_values_and_bonferronis_and_keeps_their_order(p_values):
    found = holm(p_values)
    for p, q in zip(p_values, found, strict=True):
        assert p <= q <= min(1.0, p * len(p_values))
    ranked = [q for _, q in sorted(zip(p_values, found, strict=True))]
    assert ranked == sorted(ranked)


def test_strata_may_weigh_differently() -> None:
    values = {"a": [0.2, 0.4, 0.3], "b": [0.9, 0.7, 0.8, 0.6]}
    found = over_episodes(values, {"a": 0.25, "b": 0.75})
    assert found.mean == pytest.approx(0.25 * 0.3 + 0.75 * 0.75)
    parts = [0.25**2 * np.var(values["a"], ddof=1) / 3, 0.75**2 * np.var(values["b"], ddof=1) / 4]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 3)
    assert found.high == pytest.approx(found.mean + stats.t.ppf(0.975, freedom) * np.sqrt(sum(parts)))
    assert over_episodes(values, {"a": 0.5, "b": 0.5}) == over_episodes(values)


def test_a_few_episodes_that_say_the_same_tell_no_spread() -> None:
    assert over_episodes({"a": [0.5, 0.5], "b": [0.7, 0.7]}).low is None
    assert over_episodes({"a": [0.5, 0.5], "b": [0.7, 0.8]}).low is not None
    many = over_episodes({"a": [0.5] * 5})
    assert (many.low, many.high) == (0.5, 0.5)
