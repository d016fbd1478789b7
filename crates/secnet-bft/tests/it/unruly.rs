//! What the engine's simulated network does not do to messages: it delivers those between two nodes once and in order.
//! Here some come twice, and some so late that others overtake them; some are kept back by whoever should send them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use commonware_actor::{Feedback, Unreliable};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{CheckedSender, LimitedSender, Recipients, Sender as _, simulated};
use commonware_runtime::{
    Clock as _, IoBufs, Spawner as _, Supervisor as _, deterministic::Context,
};
use tokio::sync::mpsc;

use crate::chance::Chance;

type Inner = simulated::Sender<PublicKey, Context>;

/// How messages fare, of a hundred.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    /// So many come twice.
    pub(crate) twice: u64,
    /// So many come late, after some that were sent later.
    pub(crate) late: u64,
}

/// No message comes later than this.
const LATEST: Duration = Duration::from_millis(1500);

#[derive(Debug)]
struct Straggler {
    sender: Inner,
    to: Vec<PublicKey>,
    message: IoBufs,
    priority: bool,
    after: Duration,
}

/// The part of a network that is not quick and sure, for all nodes.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    state: Arc<Mutex<(Weather, Chance)>>,
    late: mpsc::UnboundedSender<Straggler>,
}

impl Post {
    pub(crate) fn new(runtime: &Context, seed: u64) -> Self {
        let (late, mut stragglers) = mpsc::unbounded_channel::<Straggler>();
        runtime.child("post").spawn(|runtime| async move {
            while let Some(mut straggler) = stragglers.recv().await {
                runtime.child("straggler").spawn(move |runtime| async move {
                    runtime.sleep(straggler.after).await;
                    let to = Recipients::Some(straggler.to);
                    straggler.sender.send(to, straggler.message, straggler.priority);
                });
            }
        });
        Self { state: Arc::new(Mutex::new((Weather::default(), Chance::new(seed)))), late }
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.state.lock().unwrap().0 = weather;
    }

    /// After how long a message is to be sent besides, and whether it is not to be sent now.
    fn fate(&self) -> (Option<Duration>, bool) {
        let (weather, chance) = &mut *self.state.lock().unwrap();
        let (twice, late) = (chance.percent(weather.twice), chance.percent(weather.late));
        let after = Duration::from_millis(1 + chance.number() % LATEST.as_millis() as u64);
        ((twice || late).then_some(after), late && !twice)
    }

    /// Send through this post, to these alone.
    pub(crate) fn around(&self, inner: Inner, to: Vec<PublicKey>) -> Unruly {
        Unruly { inner, to, post: self.clone() }
    }
}

/// A sender whose messages may come late or twice.
#[derive(Debug, Clone)]
pub(crate) struct Unruly {
    inner: Inner,
    to: Vec<PublicKey>,
    post: Post,
}

impl Unruly {
    /// The same, to these alone.
    pub(crate) fn to_these(&self, to: &[PublicKey]) -> Self {
        Self { to: to.to_vec(), ..self.clone() }
    }
}

impl LimitedSender for Unruly {
    type PublicKey = PublicKey;
    type Checked<'a> = Checked<'a>;

    fn check(&mut self, recipients: Recipients<PublicKey>) -> Result<Checked<'_>, SystemTime> {
        let wanted = match recipients {
            Recipients::All => self.to.clone(),
            Recipients::Some(peers) => peers,
            Recipients::One(peer) => vec![peer],
        };
        let to: Vec<_> = wanted.into_iter().filter(|peer| self.to.contains(peer)).collect();
        let (again, post) = (self.inner.clone(), self.post.clone());
        let checked = self.inner.check(Recipients::Some(to))?;
        Ok(Checked { checked, again, post })
    }
}

/// One message of such a sender.
pub(crate) struct Checked<'a> {
    checked: <Inner as LimitedSender>::Checked<'a>,
    again: Inner,
    post: Post,
}

impl CheckedSender for Checked<'_> {
    type PublicKey = PublicKey;

    fn recipients(&self) -> Vec<PublicKey> {
        self.checked.recipients()
    }

    fn send(self, message: impl Into<IoBufs> + Send, priority: bool) -> Unreliable<Feedback> {
        let message: IoBufs = message.into();
        let (besides, not_now) = self.post.fate();
        if let Some(after) = besides {
            let (to, sender) = (self.checked.recipients(), self.again);
            let message = message.clone();
            drop(self.post.late.send(Straggler { sender, to, message, priority, after }));
        }
        if not_now {
            return Unreliable::new(Feedback::Ok);
        }
        self.checked.send(message, priority)
    }
}
