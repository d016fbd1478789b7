//! What is called irregular, and how much is remembered. All of it is fixed, so that everybody who reads one log finds the
//! same in it.

/// A day.
pub const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Payments are added up in bins of so long.
pub const BIN_MS: u64 = 2 * DAY_MS;
/// So many bins, the present one included, are the window of payments: 12 to 14 days.
pub const BINS: u64 = 7;

/// Members of the longest circle that is looked for.
pub const MAX_RING: usize = 5;
/// Payments from each to the next, at least.
pub const RING_ROUNDS: u32 = 3;
/// And between two alone: people lend each other and give back.
pub const PAIR_ROUNDS: u32 = 5;
/// The smallest flow of a circle is at least so many hundredths of the largest.
pub const RING_EVEN_PERCENT: u64 = 80;
/// Steps of the search for circles that one payment causes. Circles of up to four members never need as many.
pub const MAX_RING_STEPS: usize = 20_000;

/// Paid uses by accounts that the owner funds.
pub const FARMED_USES: u32 = 5;
/// An account is funded by an owner whose money covers so many hundredths of what it pays her.
pub const FUNDED_PERCENT: u64 = 80;

/// A grant is emptied at once if that is done so long after it was made.
pub const AT_ONCE_MS: u64 = 15 * 60 * 1000;
/// By so many uses, at least.
pub const DRAIN_USES: u32 = 4;
/// Of so many records together.
pub const DRAIN_RECORDS: u64 = 40;
/// And then nothing for so long.
pub const SILENCE_MS: u64 = 7 * DAY_MS;
/// Grants of different owners that one member emptied like this, and at least half of those that it used.
pub const DRAINS: usize = 3;
/// Within so long.
pub const DRAINS_WITHIN_MS: u64 = 30 * DAY_MS;

/// Whoever did nothing for so long sleeps.
pub const ASLEEP_MS: u64 = 90 * DAY_MS;
/// Waking is looked at for so long.
pub const WAKING_MS: u64 = DAY_MS;
/// Different things acted on meanwhile.
pub const WAKING_OBJECTS: usize = 8;
/// And so many times what the member's busiest day before had.
pub const WAKING_TIMES: usize = 3;

/// Transfers to one member just below round amounts, within the window of payments.
pub const SPLIT_TRANSFERS: u32 = 5;
/// Just below is from so many hundredths of a round amount on.
pub const JUST_BELOW_PERCENT: u64 = 90;
/// The lowest round amount, in micro-units: ten units. Others are ten times, a hundred times as high, and so on.
pub const LOWEST_ROUND: u64 = 10_000_000;
/// Counted grants of one dataset that one member used up.
pub const SPLIT_GRANTS: usize = 8;
/// Within so long.
pub const SPLIT_GRANTS_WITHIN_MS: u64 = 7 * DAY_MS;
/// Grants for fewer uses than this are sold one by one.
pub const LEAST_COUNTED_USES: u32 = 5;
/// A grant is used up by so many hundredths of its uses.
pub const USED_UP_PERCENT: u64 = 90;

/// The same of the same member is not found again for so long.
pub const QUIET_MS: u64 = 30 * DAY_MS;
/// Findings about one organisation and those it vouches for within [`QUIET_MS`]; more are not told.
pub const MAX_FINDINGS_OF_HOUSE: u32 = 16;

/// Accounts, payees, new grants, open charges, and grants emptied or used up, together. At most about a kilobyte each.
pub const MAX_WEIGHT: usize = 131_072;
/// Payees known of one account: those with most money in the window.
pub const MAX_PAYEES: usize = 64;
/// New grants known of one owner.
pub const MAX_NEW_GRANTS: usize = 512;
/// Charges of one payer that are not paid out yet.
pub const MAX_CHARGES: usize = 256;
/// Events remembered of one flow or grant: the newest.
pub const MAX_RECENT: usize = 8;
/// Events named in a finding: the newest.
pub const MAX_NAMED_EVENTS: usize = 64;
/// Members named in a finding.
pub const MAX_NAMED_MEMBERS: usize = 16;
/// Grants that one member used, is known to have emptied, or used up: the newest.
pub const MAX_GRANTS_USED: usize = 32;
/// Things remembered of one day of a member.
pub const MAX_OBJECTS: usize = 32;
