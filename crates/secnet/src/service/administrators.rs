//! Who is told what webhooks are told can be changed while the node serves: whoever is taken off the list sees nothing more.

use std::time::Duration;

use secnet_gateway::Gateway;

use super::Reread;

/// How often the configuration is read again.
const LOOK: Duration = Duration::from_secs(1);

/// Take over what the configuration names, for as long as this is polled. One that cannot be used changes nothing.
pub(super) async fn follow(gateway: &Gateway, reread: &Reread) {
    let (mut seen, mut is_told) = (None, false);
    loop {
        tokio::time::sleep(LOOK).await;
        let administrators = match reread() {
            Ok(settings) => settings.administrators,
            Err(failure) => {
                if !is_told {
                    let why = failure.causes.join(": ");
                    tracing::error!(why, "{}; administrators stay as they were", failure.message);
                }
                (seen, is_told) = (None, true);
                continue;
            }
        };
        is_told = false;
        // A file that somebody is writing says the same again only when it is done.
        if seen.as_ref() == Some(&administrators) {
            let count = administrators.len();
            if gateway.administer_by(administrators.iter().copied()) {
                tracing::warn!(administrators = count, "others are administrators now");
            }
        }
        seen = Some(administrators);
    }
}
