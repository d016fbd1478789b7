//! What all doors of a node share.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secnet_app::Pdc;
use secnet_types::{MemberId, Power, Timestamp};
use tokio::sync::{Semaphore, watch};

use crate::Problem;
use crate::auth::{Caller, Nonces, Proxies, Sessions};
use crate::bulletin::Bulletin;
use crate::deliveries::Deliveries;
use crate::http::{MAX_FEEDS, MAX_FEEDS_PER_MEMBER, MAX_INCOMING, MAX_INCOMING_PER_MEMBER, Whose};
use crate::metrics::Metrics;
use crate::places::Places;
use crate::rates::{Rate, Rates};

/// Answers at once for which a whole log or a whole dataset is gone through.
const MAX_WALKS: usize = 4;
/// Of the calls that are answered at once one member may have this part: one that is slow on purpose stops nobody else.
const MEMBERS_PART: usize = 16;
/// Pause between two looks at what was never claimed.
const HOUSEKEEPING: Duration = Duration::from_secs(300);

/// How much the doors take on.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Calls at once that are being answered, a sixteenth of them one member's; more are turned away as busy.
    pub calls: usize,
    /// Calls of one member, a second, over time.
    pub rate_per_second: u32,
    /// Calls of one member that may come at once.
    pub burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 16_384, calls: 1024, rate_per_second: 200, burst: 400 }
    }
}

/// The doors' common part: the data centre behind them, who is in a session, what was used up.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) pdc: Arc<Pdc>,
    pub(crate) limits: Limits,
    pub(crate) nonces: Nonces,
    pub(crate) sessions: Sessions,
    pub(crate) rates: Rates,
    pub(crate) deliveries: Deliveries,
    /// What was counted.
    pub metrics: Arc<Metrics>,
    /// The names that calls may be made to; any if there is none.
    authorities: Vec<String>,
    pub(crate) walks: Semaphore,
    pub(crate) calls: Arc<Places>,
    pub(crate) incoming: Arc<Places>,
    pub(crate) feeds: Arc<Places>,
    pub(crate) public_url: Option<String>,
    pub(crate) published_log: Option<PathBuf>,
    /// Who is told how the node is, and may read all of its log.
    administrators: watch::Sender<BTreeSet<MemberId>>,
    pub(crate) bulletin: Arc<Bulletin>,
    pub(crate) proxies: Proxies,
}

impl Gateway {
    /// Doors to this data centre.
    #[must_use]
    pub fn new(pdc: Arc<Pdc>, limits: Limits) -> Self {
        let rate = Rate { per_second: limits.rate_per_second, burst: limits.burst };
        Self {
            nonces: Nonces::since(pdc.clock.now()),
            pdc,
            limits,
            sessions: Sessions::default(),
            rates: Rates::new(rate),
            deliveries: Deliveries::default(),
            metrics: Arc::default(),
            authorities: Vec::new(),
            walks: Semaphore::new(MAX_WALKS),
            calls: Places::new(limits.calls, limits.calls.div_ceil(MEMBERS_PART)),
            incoming: Places::new(MAX_INCOMING, MAX_INCOMING_PER_MEMBER),
            feeds: Places::new(MAX_FEEDS, MAX_FEEDS_PER_MEMBER),
            public_url: None,
            published_log: None,
            administrators: watch::Sender::default(),
            bulletin: Arc::default(),
            proxies: Proxies::default(),
        }
    }

    /// Under which address others reach the doors, such as `https://node.example`; without one, callers are told the
    /// address that they called.
    #[must_use]
    pub fn known_as(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Believe these reverse proxies where calls come from; without any, calls come from the other end of their connection.
    #[must_use]
    pub fn behind(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Serve checkpoint and tiles from the folder that the log is exported to.
    #[must_use]
    pub fn publishing(mut self, log: PathBuf) -> Self {
        self.published_log = Some(log);
        self
    }

    /// Tell these members what stands in the bulletin, which requests were held or stopped, and all that is in the log.
    #[must_use]
    pub fn administered_by(
        mut self,
        members: impl IntoIterator<Item = MemberId>,
        bulletin: Arc<Bulletin>,
    ) -> Self {
        self.administer_by(members);
        self.bulletin = bulletin;
        self
    }

    /// From now on these members are told, and nobody else: the streams of others end. True if it is a change.
    pub fn administer_by(&self, members: impl IntoIterator<Item = MemberId>) -> bool {
        let members: BTreeSet<MemberId> = members.into_iter().collect();
        self.administrators.send_if_modified(|told| {
            let changes = *told != members;
            *told = members;
            changes
        })
    }

    /// Is the caller an administrator? To anybody else what is told to them does not exist.
    pub(crate) fn administers(&self, caller: &Caller) -> Result<(), Box<Problem>> {
        if self.administrators.borrow().contains(&caller.member) {
            return Ok(());
        }
        Err(Problem::not_visible())
    }

    /// Changes when others become administrators.
    pub(crate) fn watch_administrators(&self) -> watch::Receiver<BTreeSet<MemberId>> {
        self.administrators.subscribe()
    }

    /// Clear away, from time to time, what was sent and never claimed. Ends only when it is dropped.
    pub async fn keep_house(&self) {
        loop {
            // What fails now is tried again; the call that meets the failure is told of it.
            self.pdc.clear_ahead().await.ok();
            tokio::time::sleep(HOUSEKEEPING).await;
        }
    }

    /// As whom the caller reads: as itself, or as an owner that lets it grant.
    pub(crate) fn reads_as(
        &self,
        caller: &Caller,
        whose: &Whose,
    ) -> Result<MemberId, Box<Problem>> {
        let owner = crate::http::optional("as", whose.owner.as_deref())?.unwrap_or(caller.member);
        if self.pdc.may_act_for(caller.member, owner, Power::Grant) {
            Ok(owner)
        } else {
            Err(Problem::not_visible())
        }
    }

    /// The same doors, answering only calls to these names: host and port as callers write them, without the port that the
    /// scheme has anyway. What was signed for another node is then of no use here.
    #[must_use]
    pub fn answering_to(mut self, authorities: impl IntoIterator<Item = String>) -> Self {
        self.authorities = authorities.into_iter().map(|name| name.to_ascii_lowercase()).collect();
        self
    }

    /// May a call be made to this name?
    pub(crate) fn answers_to(&self, authority: &str) -> bool {
        let authority = authority.to_ascii_lowercase();
        self.authorities.is_empty() || self.authorities.contains(&authority)
    }

    /// The member's own key as of now.
    pub(crate) fn key_of(&self, member: MemberId) -> Option<[u8; 32]> {
        self.pdc.view(|view| view.state.member(member).map(|member| member.key)).flatten()
    }

    /// May a call that lasts go on: is its session open, and the key behind it still the member's?
    pub(crate) fn goes_on(&self, caller: &Caller) -> bool {
        let now = self.pdc.clock.now();
        let open = caller.session.is_none_or(|session| self.sessions.is_open(session, now));
        open && self.holds(caller, now)
    }

    /// Is the key that the caller has shown the member's, and the member active? Block time stands still while nothing
    /// happens, so `now` counts if it is later.
    pub(crate) fn holds(&self, caller: &Caller, now: Timestamp) -> bool {
        let held = self.pdc.view(|view| {
            let Some(member) = view.state.member(caller.member) else { return false };
            let delegated = || {
                let session = view.state.session(caller.member, caller.key);
                session.is_some_and(|session| session.until > view.time.max(now))
            };
            !member.suspended && (member.key == caller.key || delegated())
        });
        held.unwrap_or(false)
    }
}
