//! A process that is told to leave.

use crate::process::Told;

#[test]
fn whoever_is_told_to_leave_does_so_in_order() {
    let told = Told::new();
    let mut process = told.start(0, "leave", "");
    told.wait("serves");
    process.signal("TERM");
    told.wait("draining");
    process.say("the last request is answered");
    assert_eq!(told.next(), "closed");
    assert_eq!(told.next(), "left, clean: true, forced: false");
    assert!(process.has_ended_well());
}

#[test]
fn a_second_signal_forces_the_end() {
    let told = Told::new();
    let mut process = told.start(0, "leave", "");
    told.wait("serves");
    process.signal("TERM");
    told.wait("draining");
    process.signal("INT");
    assert_eq!(told.next(), "left, clean: false, forced: true");
    assert!(!process.has_ended_well());
}
