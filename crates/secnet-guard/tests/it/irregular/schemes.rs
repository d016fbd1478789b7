//! Schemes put into a ward, each more or less plain.

use secnet_guard::irregular::Irregularity;
use secnet_types::{MemberId, MemberKind};

use super::story::{CENT, DAY, HOUR, MINUTE, START, UNIT, Used};
use super::ward::Ward;

/// When schemes begin: long enough after the start for somebody to have slept.
const BEGIN: u64 = START + 130 * DAY + 9 * HOUR;

/// One kind of scheme with its intensity.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scheme {
    /// So many members pass on money so many times; of each hundred so many stay behind at each hop.
    Ring { members: usize, rounds: u64, kept_percent: u64 },
    /// Two accounts buy from each other so many times.
    Wash { rounds: u64 },
    /// So many puppets, so many uses in all; her money covers so much of it; through somebody else or not.
    Farm { puppets: usize, uses: u64, covered_percent: u64, between: bool },
    /// The owner sets the money for the uses of her own data aside.
    SetAside { uses: u64 },
    /// So many owners' grants are read empty within so many minutes.
    Drain { owners: usize, minutes: u64 },
    /// Asleep for so many days, then acts on so many datasets; was used to so many a day before.
    Wake { days: u64, datasets: usize, before: usize },
    /// So many transfers just below ten units, to so many payees.
    SplitTransfers { transfers: u64, payees: usize },
    /// So many grants of five uses each on one dataset, by so many grantees.
    SplitGrants { grants: u64, grantees: usize },
}

impl Scheme {
    pub(crate) const fn kind(self) -> Irregularity {
        match self {
            Self::Ring { .. } | Self::Wash { .. } => Irregularity::Ring,
            Self::Farm { .. } | Self::SetAside { .. } => Irregularity::Farming,
            Self::Drain { .. } => Irregularity::Drain,
            Self::Wake { .. } => Irregularity::Waking,
            Self::SplitTransfers { .. } => Irregularity::SplitTransfers,
            Self::SplitGrants { .. } => Irregularity::SplitGrants,
        }
    }

    /// Do it in a ward; who does it.
    pub(crate) fn put_into(self, ward: &mut Ward) -> MemberId {
        match self {
            Self::Ring { members, rounds, kept_percent } => {
                ring(ward, members, rounds, kept_percent)
            }
            Self::Wash { rounds } => wash(ward, rounds),
            Self::Farm { puppets, uses, covered_percent, between } => {
                farm(ward, (puppets, uses), covered_percent, between)
            }
            Self::SetAside { uses } => set_aside(ward, uses),
            Self::Drain { owners, minutes } => drain(ward, owners, minutes),
            Self::Wake { days, datasets, before } => wake(ward, days, datasets, before),
            Self::SplitTransfers { transfers, payees } => split_transfers(ward, transfers, payees),
            Self::SplitGrants { grants, grantees } => split_grants(ward, grants, grantees),
        }
    }
}

/// Those who do it: new members of the first hospital, so that nothing else is known of them.
fn gang(ward: &mut Ward, count: usize) -> Vec<MemberId> {
    let house = ward.hospitals[0];
    (0..count).map(|_| ward.story.admit(BEGIN - DAY, MemberKind::Person, Some(house))).collect()
}

fn one(ward: &mut Ward) -> MemberId {
    gang(ward, 1)[0]
}

fn ring(ward: &mut Ward, members: usize, rounds: u64, kept_percent: u64) -> MemberId {
    let gang = gang(ward, members);
    for round in 0..rounds {
        let mut amount = ward.chance.from(20, 60) * UNIT / 7;
        for hop in 0..members {
            let at = BEGIN + round * 12 * HOUR + hop as u64 * 50 * MINUTE + ward.chance.below(HOUR);
            ward.story.transfer(at, gang[hop], gang[(hop + 1) % members], amount);
            amount -= amount * kept_percent / 100;
        }
    }
    gang[0]
}

fn wash(ward: &mut Ward, rounds: u64) -> MemberId {
    let gang = gang(ward, 2);
    let price = 3 * UNIT;
    for (owner, by) in [(gang[0], gang[1]), (gang[1], gang[0])] {
        let grant = ward.story.grant(BEGIN, owner, by, None, price);
        for round in 0..rounds {
            let at = BEGIN + HOUR + round * 9 * HOUR + ward.chance.below(HOUR);
            ward.story.used(at, &Used { by, payer: by, owner, grant, records: 1, price });
        }
    }
    gang[0]
}

fn farm(ward: &mut Ward, (puppets, uses): (usize, u64), covered: u64, between: bool) -> MemberId {
    let owner = one(ward);
    let go_between = one(ward);
    let (puppets, price) = (gang(ward, puppets), 2 * UNIT);
    let each = uses.div_ceil(puppets.len() as u64);
    let mut left = uses;
    for puppet in puppets {
        let (mine, given) = (each.min(left), each.min(left) * price * covered / 100);
        left -= mine;
        if between {
            ward.story.transfer(BEGIN, owner, go_between, given);
            ward.story.transfer(BEGIN + HOUR, go_between, puppet, given);
        } else {
            ward.story.transfer(BEGIN, owner, puppet, given);
        }
        let grant = ward.story.grant(BEGIN, owner, puppet, None, price);
        for number in 0..mine {
            let at = BEGIN + 2 * HOUR + number * 7 * HOUR + ward.chance.below(HOUR);
            let used = Used { by: puppet, payer: puppet, owner, grant, records: 2, price };
            ward.story.used(at, &used);
        }
    }
    owner
}

fn set_aside(ward: &mut Ward, uses: u64) -> MemberId {
    let gang = gang(ward, 2);
    let (owner, by, price) = (gang[0], gang[1], UNIT);
    let grant = ward.story.grant(BEGIN, owner, by, None, price);
    for number in 0..uses {
        let at = BEGIN + (number + 1) * 5 * HOUR;
        ward.story.used(at, &Used { by, payer: owner, owner, grant, records: 2, price });
    }
    owner
}

fn drain(ward: &mut Ward, owners: usize, minutes: u64) -> MemberId {
    let by = one(ward);
    let patients: Vec<MemberId> = ward.patients[1].iter().copied().take(owners).collect();
    for (number, owner) in (0..).zip(patients) {
        let made = BEGIN + number * 2 * DAY + ward.chance.below(HOUR);
        let grant = ward.story.grant(made, owner, by, None, 25 * CENT);
        for part in 0..6_u64 {
            let at = made + minutes * MINUTE * (part + 1) / 6;
            let used = Used { by, payer: by, owner, grant, records: 20, price: 25 * CENT };
            ward.story.used(at, &used);
        }
    }
    by
}

fn wake(ward: &mut Ward, days: u64, datasets: usize, before: usize) -> MemberId {
    let house = ward.hospitals[0];
    let by = ward.story.admit(START, MemberKind::Person, Some(house));
    let owners: Vec<MemberId> = ward.patients[2].clone();
    let asleep = BEGIN - days * DAY;
    let read = |ward: &mut Ward, at: u64, owner: MemberId| {
        let grant = ward.story.grant(at, owner, by, None, 0);
        let at = at + HOUR / 2;
        ward.story.used(at, &Used { by, payer: by, owner, grant, records: 3, price: 0 });
    };
    for (number, owner) in (0..).zip(owners.iter().take(before)) {
        // A day of work long before, so that the grants are not new when it wakes.
        read(ward, asleep - 4 * HOUR + number * MINUTE, *owner);
    }
    for (number, owner) in (0..).zip(owners.iter().skip(before).take(datasets)) {
        read(ward, BEGIN + number * 20 * MINUTE, *owner);
    }
    by
}

fn split_transfers(ward: &mut Ward, transfers: u64, payees: usize) -> MemberId {
    let from = one(ward);
    let payees = gang(ward, payees);
    for number in 0..transfers {
        let to = payees[usize::try_from(number).unwrap() % payees.len()];
        let amount = ward.chance.from(920, 999) * CENT;
        ward.story.transfer(BEGIN + number * 11 * HOUR, from, to, amount);
    }
    from
}

fn split_grants(ward: &mut Ward, grants: u64, grantees: usize) -> MemberId {
    let gang = gang(ward, grantees);
    let owner = ward.patients[2][0];
    for number in 0..grants {
        let by = gang[usize::try_from(number).unwrap() % gang.len()];
        let made = BEGIN + number * 14 * HOUR;
        let grant = ward.story.grant(made, owner, by, Some(5), 10 * CENT);
        for part in 1..=5 {
            let used = Used { by, payer: by, owner, grant, records: 2, price: 10 * CENT };
            ward.story.used(made + part * 2 * HOUR, &used);
        }
    }
    gang[0]
}
