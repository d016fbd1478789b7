use super::*;

#[test]
fn a_window_slides() {
    let mut window = Sliding::default();
    for second in 0..60 {
        window.add(second * 1000, MINUTE_MS);
    }
    assert_eq!(window.estimate(59_999, MINUTE_MS), 60);
    assert_eq!(window.estimate(90_000, MINUTE_MS), 30);
    assert_eq!(window.estimate(120_000, MINUTE_MS), 0);
}

#[test]
fn a_clock_that_steps_back_neither_resets_nor_sticks() {
    let mut window = Sliding::default();
    for _ in 0..10 {
        window.add(100 * MINUTE_MS, MINUTE_MS);
    }
    assert_eq!(window.estimate(0, MINUTE_MS), 10, "far back");
    assert_eq!(window.estimate(99 * MINUTE_MS, MINUTE_MS), 10, "a little back");
    window.add(0, MINUTE_MS);
    assert_eq!(window.estimate(0, MINUTE_MS), 11);
    assert_eq!(window.estimate(2 * MINUTE_MS, MINUTE_MS), 0, "it runs on from the new time");
}

#[test]
fn an_hour_is_learnt_only_when_it_is_over() {
    let mut usual = Usual::default();
    assert_eq!(usual.add(0, 5), None);
    assert_eq!(usual.add(1, 7), None);
    let finished = usual.add(HOUR_MS, 1).unwrap();
    assert_eq!(finished, FinishedHour { hour_of_day: 0, count: 2, sum: 12 });
}
