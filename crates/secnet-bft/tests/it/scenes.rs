//! Four validators, and one thing at a time that happens to them while commands are under way.

use std::time::Duration;

use commonware_p2p::simulated::Link;
use commonware_runtime::Clock as _;
use futures::FutureExt as _;
use secnet_app::ports::{Committed, SubmitError};
use secnet_types::Amount;

use crate::rogue::Rogue;
use crate::simulated::{Network, VALIDATORS, link, near, simulate};
use crate::unruly::Weather;
use crate::world::{PAYERS, Signer, id};

const BURSTS: u64 = 5;
const BURST: u64 = 40;

/// What happens to one validator while commands are under way.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// It dies, with what its disk had not synced.
    Crash(usize),
    /// It comes back with what it had.
    Return(usize),
    /// It comes back without its store, but with its votes.
    ReturnWithoutStore(usize),
    /// It comes back with nothing, and so without a vote.
    ReturnEmpty(usize),
    /// It and the others no longer hear each other.
    CutOff(usize),
    /// All hear each other again.
    Heal,
}

#[derive(Clone)]
struct Scenario {
    seed: u64,
    between: Link,
    weather: Weather,
    /// In which burst, what.
    faults: Vec<(u64, Fault)>,
    /// A validator that is not honest.
    rogue: Option<(usize, Rogue)>,
    /// By how much the clocks are ahead, in milliseconds.
    clocks: [i64; VALIDATORS],
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let (weather, faults) = (Weather::default(), Vec::new());
        Self { seed, between: near(), weather, faults, rogue: None, clocks: [0; VALIDATORS] }
    }
}

/// What a run leads to: the same for the same seed.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    runtime: String,
    tips: Vec<String>,
}

impl Network {
    async fn befalls(&mut self, fault: Fault, between: &Link) {
        match fault {
            Fault::Crash(index) => self.crash(index),
            Fault::Return(index) => assert!(self.start(index).await),
            Fault::ReturnWithoutStore(index) => {
                self.machines[index].lose_store();
                assert!(self.start(index).await);
            }
            Fault::ReturnEmpty(index) => {
                self.machines[index].lose_store();
                self.machines[index].lose_votes();
                assert!(self.start(index).await);
            }
            Fault::CutOff(index) => self.part(&[index], between).await,
            Fault::Heal => self.link_all(between).await,
        }
    }

    /// Commands by everybody, each to another validator; meanwhile something happens. All are applied: those that a
    /// validator died with are sent again.
    async fn burst(
        &mut self,
        signer: &Signer,
        burst: u64,
        (faults, between): (&[Fault], &Link),
    ) -> Vec<Committed> {
        let live = self.live();
        let sent: Vec<_> = (0..BURST)
            .map(|number| {
                let (from, to) =
                    (PAYERS[(number % 4) as usize], PAYERS[((number + 1) % 4) as usize]);
                let command = signer.pay(burst * BURST + number, from, to, number + 1);
                (command.clone(), live[number as usize % live.len()].submit(command))
            })
            .collect();
        for fault in faults {
            self.runtime.sleep(Duration::from_millis(15)).await;
            self.befalls(*fault, between).await;
        }
        let mut committed = Vec::new();
        for (command, answer) in sent {
            let answer = match answer.await {
                Ok(answer) => answer,
                Err(_) => self.live()[0].submit(command).await.expect("a node that is up answers"),
            };
            committed.push(answer.expect("it is applied"));
        }
        committed
    }

    /// All nodes, one of them rogue, and money for everybody.
    async fn begin(&mut self, signer: &Signer, rogue: Option<(usize, Rogue)>) {
        for index in 0..VALIDATORS {
            match rogue {
                Some((at, rogue)) if at == index => self.start_rogue(index, rogue).await,
                _ => assert!(self.start(index).await),
            }
        }
        for (number, name) in PAYERS.iter().enumerate() {
            let issued = self.live()[0].submit(signer.issue(number as u64, name));
            issued.await.unwrap().expect("money is issued");
        }
    }
}

fn run(scenario: &Scenario) -> Outcome {
    let between = &scenario.between;
    simulate((scenario.seed, between), async |mut network, signer| {
        for (machine, ahead_ms) in network.machines.iter().zip(scenario.clocks) {
            machine.set_clock(ahead_ms);
        }
        network.post.set(scenario.weather);
        network.begin(&signer, scenario.rogue).await;
        let (mut events, mut height) = (Vec::new(), 0);
        for burst in 0..BURSTS {
            let faults = scenario.faults.iter().filter(|(at, _)| *at == burst);
            let faults: Vec<_> = faults.map(|(_, fault)| *fault).collect();
            for committed in network.burst(&signer, burst, (&faults, between)).await {
                events.push(committed.event);
                height = height.max(committed.height);
            }
        }
        events.sort_unstable();
        assert_eq!(events.windows(2).find(|pair| pair[0] == pair[1]), None, "each once");
        // The block that covers the last events, and one more in case it was final through that alone.
        network.settle(height + 3).await;
        let few: Vec<u64> = events.iter().copied().step_by(37).collect();
        let tips = network.check(&few);
        for ledger in network.live() {
            let executor = ledger.chain().executor();
            // Everybody has paid as much as has been paid to the next.
            let sum: u64 = PAYERS.iter().map(|name| executor.state().balance(id(name)).0).sum();
            assert_eq!(Amount(sum), Amount(4_000_000));
        }
        let rogue = scenario.rogue.map(|(index, _)| index);
        let kept_out = network.kept_out().await;
        let honest = kept_out.iter().find(|(by, whom)| rogue != Some(*by) && rogue != Some(*whom));
        assert_eq!(honest, None, "an honest validator is kept out by another: {kept_out:?}");
        Outcome { runtime: network.runtime.auditor().state(), tips }
    })
}

#[test]
fn four_validators_agree_and_the_same_seed_gives_the_same_run() {
    let once = run(&Scenario::new(1));
    assert!(once.tips.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(once, run(&Scenario::new(1)));
    assert_ne!(once.runtime, run(&Scenario::new(2)).runtime, "another seed is another run");
}

#[test]
fn three_of_four_go_on() {
    run(&Scenario { faults: vec![(1, Fault::Crash(2))], ..Scenario::new(3) });
}

#[test]
fn messages_may_be_lost_repeated_and_overtaken() {
    run(&Scenario { between: link(10, 4, 90), ..Scenario::new(4) });
    let weather = Weather { twice: 20, late: 10 };
    run(&Scenario { weather, ..Scenario::new(12) });
}

#[test]
fn a_validator_that_crashes_goes_on_with_what_it_had() {
    for seed in 5..8 {
        let (at, index) = (seed % 2, seed as usize % VALIDATORS);
        let faults = vec![
            (at, Fault::Crash(index)),
            (at + 1, Fault::Return(index)),
            (at + 2, Fault::Crash(index)),
            (at + 2, Fault::Return(index)),
        ];
        run(&Scenario { faults, ..Scenario::new(seed) });
    }
}

#[test]
fn a_store_that_was_lost_is_filled_again() {
    let faults = vec![(1, Fault::Crash(0)), (2, Fault::ReturnWithoutStore(0))];
    run(&Scenario { faults, ..Scenario::new(10) });
}

#[test]
fn a_validator_that_lost_everything_follows_from_the_first_block() {
    let faults = vec![(1, Fault::Crash(0)), (3, Fault::ReturnEmpty(0))];
    run(&Scenario { faults, ..Scenario::new(8) });
}

#[test]
fn a_validator_that_is_cut_off_has_all_of_it_when_it_is_back() {
    let faults =
        vec![(1, Fault::CutOff(3)), (1, Fault::Heal), (2, Fault::CutOff(0)), (2, Fault::Heal)];
    run(&Scenario { faults, ..Scenario::new(13) });
}

#[test]
fn what_a_node_without_a_vote_is_given_before_it_meets_anybody_is_ordered() {
    simulate((11, &near()), async |mut network, signer| {
        network.begin(&signer, None).await;
        network.crash(3);
        network.part(&[3], &near()).await;
        network.befalls(Fault::ReturnEmpty(3), &near()).await;
        let paid = network.live()[3].submit(signer.pay(1, "ada", "bo", 1));
        network.runtime.sleep(Duration::from_secs(1)).await;
        network.link_all(&near()).await;
        paid.await.unwrap().expect("it is ordered");
    });
}

#[test]
fn two_halves_of_a_network_order_nothing_until_they_meet_again() {
    simulate((14, &near()), async |mut network, signer| {
        network.begin(&signer, None).await;
        let first = network.live()[0].submit(signer.pay(1, "ada", "bo", 1)).await.unwrap().unwrap();
        network.settle(first.height).await;
        network.part(&[0, 1], &near()).await;
        // What was under way may still become final on one side.
        network.runtime.sleep(Duration::from_secs(2)).await;
        let height = |network: &Network| -> Vec<u64> {
            network.live().iter().map(|ledger| ledger.chain().executor().height()).collect()
        };
        let before = height(&network);
        let live = network.live();
        let (to_left, to_right) = (signer.pay(2, "ada", "bo", 1), signer.pay(3, "bo", "ada", 1));
        let (left, right) = (live[0].submit(to_left.clone()), live[3].submit(to_right.clone()));
        network.runtime.sleep(Duration::from_secs(40)).await;
        assert_eq!(height(&network), before, "neither half is a quorum");
        for answer in [left, right] {
            let answer = answer.now_or_never().expect("nobody waits for ever").unwrap();
            assert!(matches!(answer, Err(SubmitError::Unavailable(_))), "{answer:?}");
        }
        // Asked again with the same id, the same is ordered once.
        let (left, right) = (live[0].submit(to_left.clone()), live[3].submit(to_right));
        network.link_all(&near()).await;
        let (left, right) = (left.await.unwrap().unwrap(), right.await.unwrap().unwrap());
        let again = network.live()[1].submit(to_left).await.unwrap().unwrap();
        assert_eq!((again.event, again.repeated), (left.event, true));
        network.settle(left.height.max(right.height) + 3).await;
        network.check(&[first.event, left.event, right.event]);
        assert_eq!(network.kept_out().await, []);
    });
}

#[test]
fn one_that_hears_the_others_but_is_not_heard_holds_up_nobody() {
    simulate((15, &near()), async |mut network, signer| {
        network.begin(&signer, None).await;
        for to in 0..3 {
            network.link(3, to, None).await;
        }
        let unheard = network.live()[3].submit(signer.pay(1, "ada", "bo", 1));
        let mut height = 0;
        for number in 2..6 {
            let paid =
                network.live()[number as usize % 3].submit(signer.pay(number, "bo", "cy", 1));
            height = paid.await.unwrap().expect("three are a quorum").height;
        }
        network.settle(height).await;
        network.link_all(&near()).await;
        let heard = unheard.await.unwrap().expect("as soon as it is heard");
        network.settle(heard.height + 3).await;
        network.check(&[heard.event]);
    });
}

#[test]
fn clocks_that_differ_by_less_than_half_a_second_do_not_matter() {
    run(&Scenario { clocks: [0, 450, 230, -40], ..Scenario::new(16) });
}

#[test]
fn a_validator_whose_clock_is_wrong_holds_up_nobody_and_leaves_nobody_without_an_answer() {
    let hour_ms = 3_600_000;
    for (seed, ahead_ms) in [(17, 5000), (18, 60_000), (19, -5000), (20, -hour_ms), (21, hour_ms)] {
        simulate((seed, &near()), async |mut network, signer| {
            network.begin(&signer, None).await;
            network.machines[2].set_clock(ahead_ms);
            let mut height = 0;
            for number in 0..12 {
                let at = [0, 1, 3][number as usize % 3];
                let paid = network.live()[at].submit(signer.pay(number, "ada", "bo", 1));
                height = paid.await.unwrap().expect("three have the time").height;
            }
            // It follows, and says either that it is ordered or that its clock speaks against it.
            let asked = network.live()[2].submit(signer.pay(100, "ada", "bo", 1));
            let answer = asked.await.unwrap();
            assert!(answer.is_ok() || ahead_ms == hour_ms, "{answer:?}");
            network.settle(height).await;
            // Somebody sets it: it takes part again, also if another is away.
            network.machines[2].set_clock(0);
            network.crash(0);
            let paid = network.live()[1].submit(signer.pay(101, "ada", "bo", 1));
            let paid = paid.await.unwrap().expect("with its vote");
            network.settle(paid.height + 3).await;
            network.check(&[paid.event]);
        });
    }
}

#[test]
fn a_slow_validator_holds_up_nobody_for_long() {
    simulate((22, &near()), async |mut network, signer| {
        network.begin(&signer, None).await;
        let slow = link(900, 200, 100);
        for other in 0..3 {
            network.link(3, other, Some(&slow)).await;
            network.link(other, 3, Some(&slow)).await;
        }
        let mut height = 0;
        for number in 0..12 {
            let paid =
                network.live()[number as usize % 3].submit(signer.pay(number, "ada", "bo", 1));
            height = paid.await.unwrap().expect("three are quick").height;
        }
        let asked = network.live()[3].submit(signer.pay(100, "ada", "bo", 1));
        asked.await.unwrap().expect("it takes longer");
        network.settle(height + 3).await;
        network.check(&[]);
    });
}

#[test]
fn the_log_is_signed_by_all_who_are_there_and_by_too_few_it_is_not() {
    simulate((24, &near()), async |mut network, signer| {
        network.begin(&signer, None).await;
        network.crash(3);
        let paid = network.live()[0].submit(signer.pay(1, "ada", "bo", 1)).await.unwrap();
        let event = paid.expect("three go on").event;
        let signed = |network: &Network, index: usize| {
            network.live()[index].cosigned().filter(|signed| signed.statement().size > event)
        };
        while (0..3).any(|index| signed(&network, index).is_none()) {
            network.runtime.sleep(Duration::from_millis(50)).await;
        }
        let statements = (0..3).map(|index| signed(&network, index).unwrap());
        for cosigned in statements {
            assert_eq!(cosigned.cosignatures().count(), 3, "the quorum that there is");
            let chain = network.live()[0].chain();
            let own = chain.log_statement(cosigned.statement().height).unwrap();
            assert_eq!(own.as_ref(), Some(cosigned.statement()));
        }
        // What is final when only two hear each other is signed by nobody else.
        network.part(&[0], &near()).await;
        let before = network.live()[0].cosigned();
        drop(network.live()[0].submit(signer.pay(2, "ada", "bo", 1)).now_or_never());
        network.runtime.sleep(Duration::from_secs(10)).await;
        assert_eq!(network.live()[0].cosigned(), before);
    });
}

fn with_a_rogue(first_seed: u64, rogues: &[Rogue]) {
    for (seed, rogue) in (first_seed..).zip(rogues) {
        let rogue = Some((seed as usize % VALIDATORS, *rogue));
        run(&Scenario { rogue, ..Scenario::new(seed) });
    }
}

#[test]
fn whatever_one_validator_does_the_others_agree_and_go_on() {
    with_a_rogue(30, &Rogue::ALL[..5]);
}

#[test]
fn whatever_else_one_validator_does_the_others_agree_and_go_on() {
    with_a_rogue(35, &Rogue::ALL[5..]);
}

#[test]
fn one_whose_disk_is_full_stops_alone_and_goes_on_when_there_is_room() {
    simulate((23, &near()), async |mut network, signer| {
        network.begin(&signer, None).await;
        network.machines[1].disk.leave_room(Some(0));
        let mut height = 0;
        for number in 0..8 {
            let at = [0, 2, 3][number as usize % 3];
            let paid = network.live()[at].submit(signer.pay(number, "ada", "bo", 1));
            height = paid.await.unwrap().expect("three have room").height;
        }
        let told = network.live()[1].submit(signer.pay(50, "ada", "bo", 1)).await.unwrap();
        assert!(told.is_err(), "{told:?}");
        assert!(network.live()[1].trouble().is_some());
        network.crash(1);
        assert!(network.start(1).await);
        let paid = network.live()[1].submit(signer.pay(51, "ada", "bo", 1));
        let paid = paid.await.unwrap().expect("there is room again");
        assert!(paid.height > height);
        network.settle(paid.height + 3).await;
        network.check(&[paid.event]);
    });
}
