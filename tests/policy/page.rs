//! What `docs/policy.md` computes is what the engine does.

use super::world::{World, key, secs};
use trunkwarden::policy::Order;

const PAGE: &str = include_str!("../../docs/policy.md");

/// The rows of a marked table, without its head, as cells.
pub fn table(name: &str) -> Vec<Vec<&'static str>> {
    let lines = PAGE.lines().skip_while(|line| *line != format!("<!-- table: {name} -->"));
    let rows = lines.take_while(|line| *line != "<!-- end -->").filter(|line| line.starts_with("| "));
    rows.skip(1).map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn the_worked_example_of_the_hold_down_is_what_holds() {
    is_what_holds("hold-down");
}

#[test]
fn the_worst_hour_of_roll_backs_is_what_holds_and_none_is_worse() {
    is_what_holds("worst-hour");
    // Whatever the delays of three roll-backs: the first after the move that it takes back, each other move when its block ends.
    let left = |level: f64, age: f64| level * 0.5_f64.powf(age / 30.0);
    let after = |level: f64, age: f64| (2.0 * left(level, age)).clamp(10.0, 80.0);
    let minutes = || (3..=120).map(f64::from);
    let mut least = f64::INFINITY;
    for first in minutes() {
        let home = after(10.0, first);
        let away = after(home, home);
        for second in minutes() {
            let home_again = after(away, second);
            let sixth = home + second + home_again + 3.0 + after(after(home_again, home_again), 3.0);
            least = least.min(sixth);
        }
    }
    assert!(least > 60.0, "six moves within {least} min");
}

fn is_what_holds(name: &str) {
    let mut w = World::three_up();
    let began = w.now;
    let rows = table(name);
    assert_eq!(rows.len(), 5);
    for row in rows {
        let [minute, to, left, block] = row[..] else { panic!("{row:?}") };
        w.pass((began + secs(60 * minute.parse::<u64>().unwrap())).since(w.now).as_secs());
        let penalty = |w: &World| w.report("a").explanation.hold_down.map_or(0.0, |down| down.penalty);
        // A penalty that makes no difference to the next move any more is told as none.
        assert_eq!(format!("{:.1}", 10.0 * penalty(&w)), left, "at minute {minute}");
        let at = w.report("a").route.unwrap();
        w.look("a", "healthy", at.as_str())
            .look("a", "healthy", at.as_str())
            .look("b", "healthy", "b")
            .look("b", "healthy", "b");
        let order = match to {
            "home" => Order::Failback { channel: key("a"), force: true },
            _ => Order::Failover { channel: key("a"), to: "b".into(), force: true },
        };
        w.order(&order);
        w.look("a", "healthy", at.as_str()).look("b", "healthy", "b");
        let action = w.act().unwrap_or_else(|| panic!("{}", w.text("a")));
        w.applied(action.op);
        let held = w.report("a").blocked_for.unwrap().as_secs_f64() / 60.0;
        assert_eq!(format!("{held:.1}"), block, "at minute {minute}");
    }
}
