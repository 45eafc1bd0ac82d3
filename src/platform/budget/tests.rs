//! The budget: never more than its limit in a minute, actions first, nobody starved, nothing leaked.

use super::WINDOW;
use super::slots::{Slots, minimum, most};
use super::*;
use crate::policy::WallMs;
use crate::policy::plan::reserve;
use proptest::prelude::*;

const fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

const fn at(s: u64) -> Time {
    Time::new(secs(s))
}

/// Slots of which every one is free at the time returned.
fn idle(requests_per_minute: u32) -> (Slots, Time) {
    (Slots::new(requests_per_minute, Some(&[]), Time::ZERO), at(60))
}

fn wait(slots: &mut Slots, class: Class, how_many: usize) {
    for _ in 0..how_many {
        slots.enqueue(class, of(class)).unwrap();
    }
}

/// Where a request of a class goes.
const fn of(class: Class) -> Endpoint {
    match class {
        Class::Suspect | Class::Poll => Endpoint::Channel,
        Class::Telemetry => Endpoint::Telemetry,
        Class::Call => Endpoint::Bridge,
        _ => Endpoint::Patch,
    }
}

/// The platform means all of us.
fn throttled(slots: &mut Slots, now: Time, pause: Duration) {
    slots.throttled(now, Endpoint::Token, pause);
    slots.throttled(now, Endpoint::Calls, pause);
}

fn grants(slots: &mut Slots, now: Time) -> Vec<Class> {
    std::iter::from_fn(|| slots.grant(now)).map(|(_, class, _)| class).collect()
}

#[test]
fn an_unknown_last_minute_counts_as_full_and_comes_free_evenly() {
    let mut slots = Slots::new(3, None, Time::ZERO);
    wait(&mut slots, Class::Poll, 3);
    for (second, expected) in [(0, 0), (19, 0), (20, 1), (39, 0), (40, 1), (60, 1)] {
        assert_eq!(grants(&mut slots, at(second)).len(), expected, "at {second} s");
    }
}

#[test]
fn a_known_last_minute_holds_its_requests_until_they_are_a_minute_old_and_the_rest_is_no_burst() {
    let mut slots = Slots::new(3, Some(&[secs(5), secs(50), secs(70)]), Time::ZERO);
    wait(&mut slots, Class::Action, 9);
    assert_eq!(grants(&mut slots, at(19)).len(), 0, "no burst");
    assert_eq!(grants(&mut slots, at(20)).len(), 1, "the slot that nothing was known of");
    assert_eq!(grants(&mut slots, at(40)).len(), 1, "50 s old at the start: free from 10 s on, paced to 40 s");
    assert_eq!(grants(&mut slots, at(59)).len(), 0);
    assert_eq!(grants(&mut slots, at(60)).len(), 1, "5 s old: free from 55 s on, paced to 60 s");
}

#[test]
fn more_recent_requests_than_slots_are_waited_for() {
    let mut slots = Slots::new(1, Some(&[secs(10), secs(20), secs(30)]), Time::ZERO);
    wait(&mut slots, Class::Action, 1);
    assert_eq!(grants(&mut slots, at(59)).len(), 0);
    assert_eq!(grants(&mut slots, at(60)).len(), 1);
}

#[test]
fn a_slot_is_free_a_minute_after_its_answer_not_after_its_sending() {
    let (mut slots, start) = idle(1);
    wait(&mut slots, Class::Poll, 2);
    assert_eq!(grants(&mut slots, start).len(), 1);
    slots.finish(start + secs(25));
    assert_eq!(grants(&mut slots, start + secs(84)).len(), 0);
    assert_eq!(grants(&mut slots, start + secs(85)).len(), 1);
}

#[test]
fn actions_go_first_and_their_reserve_is_theirs_alone() {
    let (mut slots, start) = idle(40);
    wait(&mut slots, Class::Poll, 100);
    let polls = grants(&mut slots, start);
    assert_eq!(polls.len(), 36, "a tenth stays");
    wait(&mut slots, Class::Action, 5);
    assert_eq!(grants(&mut slots, start), [Class::Action; 4], "the reserve, and not one more");
}

#[test]
fn read_backs_have_a_fifth_at_most_and_are_served_again_a_minute_later() {
    let (mut slots, start) = idle(60);
    wait(&mut slots, Class::ReadBack, 100);
    assert_eq!(grants(&mut slots, start), [Class::ReadBack; 12], "though everything is free");
    (0..12).for_each(|_| slots.finish(start));
    assert_eq!(slots.next_wake(start), Some(start + WINDOW), "nothing else would wake them");
    assert_eq!(grants(&mut slots, start + secs(59)).len(), 0);
    wait(&mut slots, Class::Poll, 100);
    assert_eq!(grants(&mut slots, start + secs(59)), [Class::Poll; 42], "nobody else is held up");
    assert_eq!(grants(&mut slots, start + WINDOW)[0], Class::ReadBack);
    for (limit, expected) in [(1, 1), (4, 1), (10, 2), (60, 12)] {
        assert_eq!(most(Class::ReadBack, limit), expected, "of {limit}");
    }
}

#[test]
fn below_actions_the_more_urgent_class_goes_first_once_everyone_has_its_minimum() {
    let (mut slots, start) = idle(20);
    for class in Class::ALL {
        wait(&mut slots, class, 100);
    }
    let mut served = Vec::new();
    // Actions take everything they can use: nothing else is served while they wait and slots are few.
    assert_eq!(grants(&mut slots, start), [Class::Action; 20]);
    for class in [Class::Poll, Class::Call, Class::Suspect, Class::ReadBack, Class::Telemetry, Class::Rest] {
        let (mut one, start) = idle(20);
        for other in Class::ALL.into_iter().filter(|other| *other != Class::Action) {
            wait(&mut one, other, 100);
        }
        let all = grants(&mut one, start);
        assert_eq!(all.len(), 17);
        let count = all.iter().filter(|granted| **granted == class).count();
        served.push(count);
        assert!(count >= minimum(class, 20), "{} got {count}", class.name());
    }
    assert_eq!(served, [4, 5, 4, 1, 2, 1], "what is above the minima is all for the calls");
}

#[test]
fn a_limit_of_one_is_shared_in_turn() {
    let (mut slots, start) = idle(1);
    let classes = [Class::Call, Class::Suspect, Class::ReadBack, Class::Poll, Class::Telemetry, Class::Rest];
    for class in classes {
        wait(&mut slots, class, 10);
    }
    let mut now = start;
    let mut turns = Vec::new();
    for _ in 0..12 {
        turns.extend(grants(&mut slots, now));
        slots.finish(now);
        now = now + WINDOW;
    }
    assert_eq!(turns, [classes, classes].concat());
}

#[test]
fn a_429_stops_everything_but_actions_and_lowers_the_limit_until_it_has_been_quiet() {
    let (mut slots, start) = idle(40);
    throttled(&mut slots, start, secs(10));
    throttled(&mut slots, start + secs(1), secs(10));
    assert_eq!(slots.reading(start + secs(1)).limit, 30, "cut once for answers of the same moment");
    wait(&mut slots, Class::Poll, 1);
    wait(&mut slots, Class::Action, 1);
    assert_eq!(grants(&mut slots, start + secs(2)), [Class::Action]);
    assert_eq!(slots.next_wake(start + secs(2)), Some(start + secs(11)));
    assert_eq!(grants(&mut slots, start + secs(11)), [Class::Poll]);
    assert_eq!(slots.reading(start + secs(60)).limit, 30);
    assert_eq!(slots.reading(start + secs(61)).limit, 34);
    assert_eq!(slots.reading(start + secs(600)).limit, 40);
}

#[test]
fn one_endpoints_429_slows_that_endpoint_and_a_second_ones_within_a_minute_the_tenant() {
    let (mut slots, start) = idle(40);
    wait(&mut slots, Class::Telemetry, 10);
    assert_eq!(grants(&mut slots, start).len(), 10);
    slots.throttled(start, Endpoint::Telemetry, secs(10));
    wait(&mut slots, Class::Telemetry, 20);
    wait(&mut slots, Class::Poll, 2);
    assert_eq!(grants(&mut slots, start + secs(1)), [Class::Poll; 2], "looks go on");
    assert_eq!(slots.reading(start + secs(1)).limit, 40);
    assert_eq!(grants(&mut slots, start + secs(59)).len(), 0, "it sent more in this minute than it now may");
    assert_eq!(
        grants(&mut slots, start + secs(60)).len(),
        11,
        "a quarter less than before, and a tenth of the limit more by now"
    );
    // Another one much later means nothing for the tenant; soon after, it does.
    slots.throttled(start + secs(121), Endpoint::Channel, secs(10));
    assert_eq!(slots.reading(start + secs(121)).limit, 40);
    assert!(slots.reading(start + secs(121)).looks < 40, "whoever plans looks is told");
    slots.throttled(start + secs(150), Endpoint::Telemetry, secs(20));
    assert_eq!(slots.reading(start + secs(150)).limit, 30);
    wait(&mut slots, Class::Call, 1);
    assert_eq!(grants(&mut slots, start + secs(169)).len(), 0);
    assert!(grants(&mut slots, start + secs(170)).contains(&Class::Call));
}

#[test]
fn what_is_full_only_because_nothing_is_known_does_not_count_against_a_limit_that_was_cut() {
    let mut slots = Slots::new(40, None, Time::ZERO);
    wait(&mut slots, Class::Poll, 100);
    let before = grants(&mut slots, at(15)).len();
    throttled(&mut slots, at(15), secs(1));
    let after = grants(&mut slots, at(20)).len();
    assert_eq!((before, slots.reading(at(20)).limit), (6, 30));
    assert!((2..=4).contains(&after), "{after} came free within 5 s, as without the cut");
}

#[test]
fn a_limit_that_was_learnt_holds_no_action() {
    let (mut slots, start) = idle(40);
    for i in 0..8 {
        throttled(&mut slots, start + secs(5 * i), secs(60));
    }
    let now = start + secs(40);
    assert!(slots.reading(now).limit < 10);
    wait(&mut slots, Class::Poll, 1);
    wait(&mut slots, Class::Action, 20);
    assert_eq!(grants(&mut slots, now), [Class::Action; 20]);
}

#[test]
fn a_dishonest_retry_after_pauses_for_a_minute_at_most_and_the_limit_never_reaches_zero() {
    let (mut slots, start) = idle(4);
    for i in 0..20 {
        throttled(&mut slots, start + secs(5 * i), secs(1_000_000));
    }
    assert_eq!(slots.reading(start + secs(95)).limit, 1);
    wait(&mut slots, Class::Poll, 1);
    assert_eq!(grants(&mut slots, start + secs(155)).len(), 1);
}

#[test]
fn another_limit_keeps_what_is_held_and_is_no_burst() {
    let (mut slots, start) = idle(2);
    wait(&mut slots, Class::Action, 100);
    assert_eq!(grants(&mut slots, start).len(), 2);
    slots.set_limit(start, 12);
    assert_eq!(grants(&mut slots, start).len(), 0);
    assert_eq!(grants(&mut slots, start + secs(6)).len(), 1);
    assert_eq!(grants(&mut slots, start + secs(60)).len(), 9);
    slots.set_limit(start + secs(60), 1);
    (0..12).for_each(|_| slots.finish(start + secs(60)));
    assert_eq!(grants(&mut slots, start + secs(119)).len(), 0);
    assert_eq!(grants(&mut slots, start + secs(120)).len(), 1);
}

#[test]
fn what_a_stop_leaves_is_what_a_start_takes_back() {
    let (mut slots, start) = idle(5);
    wait(&mut slots, Class::Action, 3);
    assert_eq!(grants(&mut slots, start).len(), 3);
    slots.finish(start + secs(5));
    let mut recent = slots.recent(start + secs(20));
    recent.sort_unstable();
    assert_eq!(recent, [secs(0), secs(0), secs(15)], "two under way, one answered 15 s ago");
    assert_eq!(slots.recent(at(30)).len(), 3, "slots that were only paced at the start are no requests");
}

#[test]
fn the_queue_is_bounded() {
    let mut slots = Slots::new(1, None, Time::ZERO);
    wait(&mut slots, Class::Rest, slots::MAX_WAITING);
    assert_eq!(slots.enqueue(Class::Rest, Endpoint::Create), None);
    assert!(slots.enqueue(Class::Action, Endpoint::Patch).is_some(), "a crowd of others keeps no action out");
}

#[derive(Clone, Debug)]
enum Step {
    Wait(Class),
    Leave(usize),
    Pass(u64),
    Finish(usize),
    Refund(usize),
    Throttle(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..Class::ALL.len()).prop_map(|i| Step::Wait(Class::ALL[i])),
        1 => (0..50usize).prop_map(Step::Leave),
        4 => (0..15_000u64).prop_map(Step::Pass),
        4 => (0..50usize).prop_map(Step::Finish),
        1 => (0..50usize).prop_map(Step::Refund),
        1 => (0..90_000u64).prop_map(Step::Throttle),
    ]
}

proptest! {
    /// A model that only knows the rule: whoever is granted holds from the grant to a minute after the end.
    #[test]
    fn no_minute_ever_sees_more_than_the_limit(
        limit in 1u32..12,
        known in proptest::option::of(proptest::collection::vec(0u64..70, 0..12)),
        steps in proptest::collection::vec(step(), 1..300),
    ) {
        let ages: Option<Vec<Duration>> = known.map(|ages| ages.into_iter().map(secs).collect());
        let mut slots = Slots::new(limit, ages.as_deref(), Time::ZERO);
        let mut now = Time::ZERO;
        let mut tickets: Vec<Ticket> = Vec::new();
        let mut open: Vec<(Class, Time)> = Vec::new();
        let mut ended: Vec<Time> = Vec::new();
        // What was sent before the start counts too.
        let before: Vec<Time> = ages.iter().flatten().map(|age| Time::ZERO + WINDOW.saturating_sub(*age)).collect();
        let mut oldest_first = std::collections::BTreeMap::<Class, Ticket>::new();
        for step in steps {
            match step {
                Step::Wait(class) => tickets.extend(slots.enqueue(class, of(class))),
                Step::Leave(i) if !tickets.is_empty() => slots.cancel(tickets.swap_remove(i % tickets.len())),
                Step::Pass(ms) => now = now + Duration::from_millis(ms),
                Step::Finish(i) if !open.is_empty() => {
                    open.swap_remove(i % open.len());
                    slots.finish(now);
                    ended.push(now);
                }
                Step::Refund(i) if !open.is_empty() => {
                    let (class, granted_at) = open.swap_remove(i % open.len());
                    slots.refund(class, of(class), granted_at);
                }
                Step::Throttle(ms) => throttled(&mut slots, now, Duration::from_millis(ms)),
                _ => {}
            }
            while let Some((ticket, class, _)) = slots.grant(now) {
                prop_assert!(tickets.contains(&ticket), "served who had left, or twice");
                tickets.retain(|waiting| *waiting != ticket);
                prop_assert!(oldest_first.insert(class, ticket).is_none_or(|last| last < ticket), "out of turn");
                open.push((class, now));
                let counted = ended.iter().filter(|end| **end + WINDOW > now).count()
                    + before.iter().filter(|until| **until > now).count() + open.len();
                prop_assert!(counted <= limit as usize, "{counted} of {limit}");
                if class != Class::Action {
                    prop_assert!(counted <= (limit - reserve(limit)) as usize, "the reserve was used");
                }
            }
        }
        // Nobody starves and no slot leaks: with answers at once, every waiter is served in the end.
        open.drain(..).for_each(|_| slots.finish(now));
        for _ in 0..tickets.len() + 20 {
            now = now + WINDOW;
            while slots.grant(now).is_some() {
                slots.finish(now);
            }
        }
        prop_assert!(slots.is_idle());
        now = now + secs(1200);
        prop_assert_eq!(slots.reading(now).available, limit);
    }
}

async fn budget(requests_per_minute: u32) -> Budget {
    let budget = Budget::new(requests_per_minute, Some(&[]), Clock::virtual_from(WallMs(0)));
    tokio::time::sleep(WINDOW).await;
    budget
}

#[tokio::test(start_paused = true)]
async fn waiters_are_served_as_slots_come_free() {
    let budget = budget(1).await;
    let began = budget.0.clock.now();
    for _ in 0..3 {
        let mut slot = budget.acquire(Class::Poll, of(Class::Poll)).await.unwrap();
        slot.begin();
        tokio::time::sleep(secs(10)).await;
    }
    assert_eq!(budget.0.clock.now().since(began), secs(70 + 70 + 10));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_frees_its_place_and_a_slot_unused_comes_back_at_once() {
    let budget = budget(1).await;
    let unused = budget.acquire(Class::Poll, of(Class::Poll)).await.unwrap();
    let left = tokio::time::timeout(secs(1), budget.acquire(Class::Poll, of(Class::Poll))).await;
    assert!(left.is_err());
    assert_eq!(budget.reading().waiting, 0);
    let next = tokio::spawn({
        let budget = budget.clone();
        async move { budget.acquire(Class::Rest, of(Class::Rest)).await.map(drop) }
    });
    tokio::task::yield_now().await;
    let before = budget.0.clock.now();
    drop(unused);
    next.await.unwrap().unwrap();
    assert_eq!(budget.0.clock.now(), before);
    assert_eq!(budget.reading().available, 1);
}

#[tokio::test(start_paused = true)]
async fn an_action_that_comes_later_goes_before_polls_that_wait() {
    let budget = budget(1).await;
    budget.acquire(Class::Poll, of(Class::Poll)).await.unwrap().begin();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for class in [Class::Poll, Class::Poll, Class::Action] {
        let (budget, order) = (budget.clone(), Arc::clone(&order));
        tasks.spawn(async move {
            let mut slot = budget.acquire(class, of(class)).await.unwrap();
            slot.begin();
            order.lock().unwrap().push(class);
        });
        tokio::task::yield_now().await;
    }
    tasks.join_all().await;
    assert_eq!(*order.lock().unwrap(), [Class::Action, Class::Poll, Class::Poll]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_rises_serves_those_who_wait() {
    let budget = budget(1).await;
    budget.acquire(Class::Poll, of(Class::Poll)).await.unwrap().begin();
    let waiter = tokio::spawn({
        let budget = budget.clone();
        async move { budget.acquire(Class::Action, of(Class::Action)).await.map(drop) }
    });
    tokio::task::yield_now().await;
    let before = budget.0.clock.now();
    budget.set_limit(61);
    waiter.await.unwrap().unwrap();
    assert_eq!(budget.0.clock.now().since(before), secs(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_that_come_use_return_and_leave_all_get_through() {
    let budget = Budget::new(100_000, Some(&[]), Clock::system());
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..400u64 {
        let budget = budget.clone();
        tasks.spawn(async move {
            let class = Class::ALL[usize::try_from(i).unwrap() % Class::ALL.len()];
            let Ok(slot) =
                tokio::time::timeout(secs(if i % 7 == 0 { 0 } else { 600 }), budget.acquire(class, of(class))).await
            else {
                return;
            };
            let mut slot = slot.unwrap();
            if i % 3 == 0 {
                slot.begin();
            }
            tokio::task::yield_now().await;
        });
    }
    tasks.join_all().await;
    assert_eq!(budget.reading().waiting, 0);
    assert!(budget.recent().len() <= 134, "what was never begun does not count");
}
