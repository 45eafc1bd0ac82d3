//! The journal's file under faults that are not the log's: a copy cut short, a disk that takes nothing.

use super::place::Place;
use trunkwarden::journal::Reader;

#[test]
fn a_copy_leaves_nothing_behind_where_it_cannot_be_made() {
    let place = Place::with(5, 5);
    let nowhere = place.state().join("no-such-folder/copy.db");
    let refused = place.reader().backup(&nowhere).unwrap_err().to_string();
    assert!(refused.starts_with("cannot write the copy "), "{refused}");
    let before: Vec<_> = names(&place);
    let copy = place.state().join("copy.db");
    place.reader().backup(&copy).unwrap();
    assert_eq!(names(&place).len(), before.len() + 1, "one file, whole by itself");
    assert!(Reader::open(&copy).unwrap().check().unwrap().is_empty());
}

fn names(place: &Place) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(place.state())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with("-shm") && !name.ends_with("-wal"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_check_names_the_rules_that_are_gone_or_replaced() {
    let place = Place::with(5, 5);
    assert_eq!(place.reader().check().unwrap(), Vec::<String>::new());
    let db = rusqlite::Connection::open(place.path()).unwrap();
    db.execute_batch("DROP TRIGGER audit_no_update; DROP TRIGGER segments_no_delete").unwrap();
    let found = place.reader().check().unwrap();
    assert!(
        found.len() == 2 && found[0].contains("audit_no_update") && found[1].contains("segments_no_delete"),
        "{found:?}"
    );
    db.execute_batch("CREATE TRIGGER segments_no_delete BEFORE DELETE ON segments BEGIN SELECT 1; END").unwrap();
    let refused = Reader::open(&place.path()).unwrap_err().to_string();
    assert!(refused.contains("its trigger `segments_no_delete`"), "{refused}");
}
