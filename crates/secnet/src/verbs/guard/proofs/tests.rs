use super::*;
use crate::verbs::guard::ward::tests_of as made_up;

#[test]
fn thieves_are_asked_and_honest_staff_hardly_ever() {
    let looks = made_up(1, 60).looks().unwrap();
    let run = measured(&looks, (Guard::new(Model::default()), is_stepped_up), (1, 60), &mut || ());
    assert_eq!((run.learnt + run.judged, run.judged > 8_000), (looks.len(), true));
    let figure = |figure| run.figures[&figure];
    assert!(figure(Figure::HonestAsked) < 0.01, "{:?}", run.figures);
    assert!(figure(Figure::TheftAsked) > 0.5, "{:?}", run.figures);
    assert!(figure(Figure::TheftFirstAsked) <= figure(Figure::TheftAsked));
    // The same seed robs the same.
    let again =
        measured(&looks, (Guard::new(Model::default()), is_stepped_up), (1, 60), &mut || ());
    assert_eq!(again.figures, run.figures);
}

#[test]
fn an_emergency_is_asked_nothing() {
    let mut looks = made_up(2, 30).looks().unwrap();
    looks.iter_mut().for_each(|look| look.event.emergency = true);
    let run = measured(&looks, (Guard::new(Model::default()), is_stepped_up), (2, 0), &mut || ());
    assert_eq!((run.figures[&Figure::ProofsAMonth], run.figures[&Figure::NeverAsked]), (0.0, 1.0));
}

#[test]
fn what_is_strange_is_asked_for_without_asking_honest_staff_more_often_than_is_stated() {
    let hospital = made_up(11, 90);
    let looks = hospital.looks().unwrap();
    let run = measured(&looks, (related(&hospital).unwrap(), is_strange), (11, 20), &mut || ());
    let figure = |figure| run.figures[&figure];
    assert!(figure(Figure::HonestAsked) < 0.001, "{:?}", run.figures);
    assert_eq!(run.learnt + run.judged, looks.len());
}
