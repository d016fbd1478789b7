//! Streams: bounded memory, stated rates, odd values, and a restored state that goes on as if nothing had happened.

use secnet_learn::stream::{
    Discoveries, Novelty, NoveltyRecipe, StreamError, Tail, TailRecipe, Verdict,
};

use crate::common::numbers;

/// Two kinds of ordinary events; every 500th is like neither.
fn event(at: usize, next: &mut impl FnMut() -> f64) -> (Vec<f64>, bool) {
    let odd = at % 500 == 499;
    let centre = if next() < 0.7 { (1.0, 10.0) } else { (5.0, 2.0) };
    let (x, y) = (centre.0 + next(), centre.1 + next());
    (if odd { vec![x + 4.0, y - 6.0] } else { vec![x, y] }, odd)
}

fn novelty(features: usize) -> Novelty {
    Novelty::new(features, NoveltyRecipe::default(), 7).unwrap()
}

#[test]
fn unlike_events_score_highest() {
    let mut detector = novelty(2);
    let mut next = numbers(1);
    let (mut scores, mut labels) = (vec![], vec![]);
    for at in 0..20_000 {
        let (event, odd) = event(at, &mut next);
        scores.push(detector.observe(&event).unwrap());
        labels.push(odd);
    }
    let ranked = secnet_learn::Ranked::new(&scores, &labels).unwrap();
    assert!(ranked.auc() > 0.98, "{}", ranked.auc());
}

#[test]
fn a_new_normal_is_learnt_and_a_flood_is_not() {
    let mut detector = novelty(2);
    let mut next = numbers(2);
    for at in 0..20_000 {
        detector.observe(&event(at, &mut next).0).unwrap();
    }
    let strange = [30.0, 30.0];
    let before = detector.score(&strange).unwrap();
    let mut flood = detector.clone();
    for _ in 0..300 {
        flood.observe(&strange).unwrap();
    }
    assert!(flood.score(&strange).unwrap() > before * 0.9, "300 in a row teach at most a few");
    let horizons = vec![1_000.0, 10_000.0];
    let recipe = NoveltyRecipe { horizons, places: 256, taught: 0.02, ..NoveltyRecipe::default() };
    let mut detector = Novelty::new(2, recipe, 7).unwrap();
    // The same events, a twentieth of the stream, for six times the longer memory.
    for at in 0..60_000 {
        detector.observe(&event(at, &mut next).0).unwrap();
        if at % 20 == 0 {
            detector.observe(&strange).unwrap();
        }
    }
    assert!(detector.score(&strange).unwrap() < before * 0.1, "what is steady becomes ordinary");
}

#[test]
fn memory_stays_bounded_and_a_restored_state_goes_on() {
    let mut whole = novelty(2);
    let mut tail = Tail::new(TailRecipe { depth: 10, ..TailRecipe::default() }).unwrap();
    let mut picked = Discoveries::new(0.1).unwrap();
    let mut next = numbers(3);
    let mut sizes = vec![];
    let mut restored = None;
    for at in 0..30_000 {
        let (event, _) = event(at, &mut next);
        let score = whole.observe(&event).unwrap();
        let verdict = tail.observe(score).unwrap();
        let found = picked.observe(verdict.p_value);
        if at == 12_345 {
            let novelty = Novelty::from_bytes(&whole.to_bytes()).unwrap();
            let tail = Tail::from_bytes(&tail.to_bytes()).unwrap();
            restored = Some((novelty, tail, Discoveries::from_bytes(&picked.to_bytes()).unwrap()));
        } else if let Some((novelty, tail, picked)) = &mut restored {
            let again = novelty.observe(&event).unwrap();
            assert_eq!(again.to_bits(), score.to_bits(), "{at}");
            let second = tail.observe(again).unwrap();
            assert_eq!((second, picked.observe(second.p_value)), (verdict, found), "{at}");
        }
        if at >= 10_000 && at % 1_000 == 0 {
            sizes.push(whole.to_bytes().len() + tail.to_bytes().len() + picked.to_bytes().len());
        }
    }
    let (novelty, ..) = restored.unwrap();
    assert_eq!(novelty.to_bytes(), whole.to_bytes());
    // Counters grow by a byte or two in CBOR, peaks up to their limit.
    let limit = 2 * 512 * 2 * 5 + (4_096 + 2_048) * 9 + 4_096;
    assert!(sizes.iter().all(|size| *size < limit), "{sizes:?} of {limit}");
}

#[test]
fn a_damaged_state_is_refused_or_harmless() {
    let mut detector = novelty(2);
    let mut tail = Tail::new(TailRecipe::default()).unwrap();
    let mut next = numbers(4);
    for at in 0..3_000 {
        tail.observe(detector.observe(&event(at, &mut next).0).unwrap()).unwrap();
    }
    for (at, bit) in (0..4_000).map(|n| (n * 7, n % 8)) {
        let mut bytes = detector.to_bytes();
        let len = bytes.len();
        bytes[at % len] ^= 1 << bit;
        if let Ok(mut other) = Novelty::from_bytes(&bytes) {
            // Another number was put in: still a detector of two numbers that judges without failing inside.
            assert!(other.observe(&[1.0, 2.0]).is_ok_and(f64::is_finite));
        }
        let mut bytes = tail.to_bytes();
        let len = bytes.len();
        bytes[at % len] ^= 1 << bit;
        if let Ok(mut other) = Tail::from_bytes(&bytes) {
            assert!(other.observe(1.0).is_ok());
        }
    }
    let whole = detector.to_bytes();
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        assert!(matches!(Novelty::from_bytes(&whole[..cut]), Err(StreamError::State(_))), "{cut}");
    }
}

#[test]
fn the_unit_of_a_field_does_not_matter() {
    let (mut one, mut other) = (novelty(2), novelty(2));
    let mut next = numbers(5);
    for at in 0..5_000 {
        let (event, _) = event(at, &mut next);
        // Powers of two: the same digits, so that nothing but the unit differs.
        let scaled = [event[0] * 1024.0, event[1] / 64.0];
        let (a, b) = (one.observe(&event).unwrap(), other.observe(&scaled).unwrap());
        assert!((a - b).abs() < 1e-3 * (1.0 + a), "{at}: {a} {b}");
    }
}

#[test]
fn odd_values_count_as_documented() {
    let mut detector = novelty(2);
    let mut next = numbers(6);
    for at in 0..5_000 {
        detector.observe(&event(at, &mut next).0).unwrap();
    }
    let score = |event: &[f64]| detector.score(event).unwrap();
    let cap = f64::from(NoveltyRecipe::default().cap);
    // As far as one field can be, and no further.
    assert!((score(&[f64::NAN, 10.5]) - cap).abs() < 1.0, "{}", score(&[f64::NAN, 10.5]));
    assert!((score(&[f64::INFINITY, f64::NEG_INFINITY]) - 2.0 * cap).abs() < 1e-3);
    assert_eq!(
        score(&[f64::INFINITY, 10.5]).to_bits(),
        score(&[f64::MAX, 10.5]).to_bits(),
        "beyond the range is the end of the range"
    );
    assert_eq!(score(&[0.0, 10.5]).to_bits(), score(&[-0.0, 10.5]).to_bits());
    for wrong in [&[][..], &[1.0], &[1.0, 2.0, 3.0]] {
        let given = wrong.len();
        assert_eq!(detector.clone().observe(wrong), Err(StreamError::Width { given, wanted: 2 }));
    }
    // Missing everywhere is ordinary where it always was.
    let mut gaps = novelty(2);
    for at in 0..1_000 {
        let event = [f64::NAN, (at % 7) as f64];
        let score = gaps.observe(&event).unwrap();
        assert!(at < 100 || score < 1.0, "{at}: {score}");
    }
}

#[test]
fn constant_streams_are_ordinary_and_what_breaks_them_is_not() {
    let mut detector = novelty(1);
    let mut tail = Tail::new(TailRecipe::default()).unwrap();
    for _ in 0..10_000 {
        let score = detector.observe(&[3.0]).unwrap();
        assert_eq!(score.to_bits(), 0.0_f64.to_bits());
        assert!(!tail.observe(score).unwrap().is_alarm);
    }
    let score = detector.observe(&[3.5]).unwrap();
    assert!(score > 1.0 && tail.observe(score).unwrap().is_alarm, "{score}");
    assert_eq!(tail.observe(f64::NAN), Err(StreamError::NotANumber));
}

/// Scores with differently heavy tails, and one that drifts.
fn scores(kind: &str, at: usize, next: &mut impl FnMut() -> f64) -> f64 {
    let unit = next().max(1e-300);
    match kind {
        "even" => unit,
        "exponential" => -unit.ln(),
        "normal" => (-2.0 * unit.ln()).sqrt() * (std::f64::consts::TAU * next()).cos(),
        "heavy" => unit.powf(-1.0 / 3.0),
        _ => (at as f64 / 20_000.0).sin() * 20.0 - unit.ln(),
    }
}

fn alarms(recipe: TailRecipe, kind: &str, seed: u64, events: usize) -> f64 {
    let mut tail = Tail::new(recipe).unwrap();
    let mut next = numbers(seed);
    let judged = (0..events).map(|at| tail.observe(scores(kind, at, &mut next)).unwrap());
    let judged: Vec<Verdict> = judged.filter(|verdict| verdict.threshold.is_some()).collect();
    judged.iter().filter(|verdict| verdict.is_alarm).count() as f64 / judged.len() as f64
}

#[test]
fn alarms_come_at_the_stated_rate() {
    for kind in ["even", "exponential", "normal", "heavy", "drifting"] {
        let depth = if kind == "drifting" { 100 } else { 0 };
        for rate in [1e-3, 5e-3] {
            let recipe = TailRecipe { rate, depth, ..TailRecipe::default() };
            let all: f64 = (1..=5).map(|seed| alarms(recipe, kind, seed, 60_000)).sum();
            let realised = all / 5.0 / rate;
            assert!((0.6..1.5).contains(&realised), "{kind} at {rate}: {realised:.3} times");
        }
    }
}

#[test]
fn an_attack_cannot_push_the_threshold_out_of_reach() {
    let mut tail = Tail::new(TailRecipe::default()).unwrap();
    let mut next = numbers(9);
    let mut missed = 0;
    for at in 0..60_000 {
        tail.observe(scores("exponential", at, &mut next)).unwrap();
        if at >= 5_000 && at % 10 == 0 {
            missed += usize::from(!tail.observe(25.0).unwrap().is_alarm);
        }
    }
    assert_eq!(missed, 0);
}

#[test]
fn few_discoveries_are_false() {
    for target in [0.05, 0.1, 0.2] {
        let (mut shares, mut found) = (0.0, 0);
        for seed in 1..=10 {
            let mut picked = Discoveries::new(target).unwrap();
            let mut next = numbers(seed * 77);
            let mut wrong = 0;
            for _ in 0..30_000 {
                let odd = next() < 0.02;
                let p = next() * if odd { 1e-4 } else { 1.0 };
                wrong += u64::from(picked.observe(p) && !odd);
            }
            shares += wrong as f64 / picked.made().max(1) as f64 / 10.0;
            found += picked.made();
        }
        assert!(shares <= 1.2 * target, "{shares} of {target}");
        assert!(found > 1_000, "and some are made: {found}");
    }
}

#[test]
fn p_values_of_a_tail_keep_the_promise_too() {
    let mut shares = 0.0;
    for seed in 1..=10 {
        let recipe = TailRecipe { warm: 5_000, ..TailRecipe::default() };
        let mut tail = Tail::new(recipe).unwrap();
        let mut picked = Discoveries::new(0.1).unwrap();
        let mut next = numbers(seed * 31);
        let (mut wrong, mut hits) = (0, 0_u64);
        for at in 0..50_000 {
            let odd = at > 10_000 && next() < 0.01;
            let score = scores("normal", at, &mut next) + if odd { 6.0 } else { 0.0 };
            if picked.observe(tail.observe(score).unwrap().p_value) {
                wrong += u64::from(!odd);
                hits += u64::from(odd);
            }
        }
        assert!(hits > 50, "{hits}");
        shares += wrong as f64 / picked.made().max(1) as f64 / 10.0;
    }
    assert!(shares <= 0.12, "{shares}");
}

#[test]
fn recipes_that_cannot_be_followed_are_refused() {
    let fair = NoveltyRecipe::default;
    for recipe in [
        NoveltyRecipe { horizons: vec![], ..fair() },
        NoveltyRecipe { horizons: vec![f64::NAN], ..fair() },
        NoveltyRecipe { places: 0, ..fair() },
        NoveltyRecipe { places: u32::MAX, ..fair() },
        NoveltyRecipe { neighbours: 0, ..fair() },
        NoveltyRecipe { cap: f32::NAN, ..fair() },
        NoveltyRecipe { taught: 0.0, ..fair() },
    ] {
        assert!(Novelty::new(3, recipe.clone(), 1).is_err(), "{recipe:?}");
    }
    let fair = TailRecipe::default();
    for recipe in [
        TailRecipe { rate: 0.5, ..fair },
        TailRecipe { rate: f64::NAN, ..fair },
        TailRecipe { warm: 1, ..fair },
        TailRecipe { peaks: u32::MAX, ..fair },
    ] {
        assert!(Tail::new(recipe).is_err(), "{recipe:?}");
    }
    assert!(Discoveries::new(1.0).is_err() && Discoveries::new(f64::NAN).is_err());
}
