//! `secnet net card`, `genesis` and `join`: what founders on several machines do.

use std::path::Path;

use secnet_crypto::KeyFileParams;
use secnet_types::{Genesis, encode, limits};
use serde_json::json;

use super::{CardArgs, GenesisArgs, JoinArgs};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::network::{self, Card, Joins, Past};
use crate::node::NODE_KEYS;
use crate::output::Output;

/// Longest card, in bytes.
const MAX_CARD_BYTES: u64 = 16 * 1024;

/// Make the keys, unless they are there, and print what others need of them.
pub(super) fn card(globals: &Globals, out: Output, args: &CardArgs) -> Result<(), Failure> {
    let dir = &globals.dir;
    if dir.join("genesis.cbor").exists() {
        return Err(Failure::new("exists", format!("`{}` already holds a network", dir.display()))
            .hint("give another folder with --dir"));
    }
    let there = dir.join("keys").join(NODE_KEYS).exists();
    let passphrase = match &args.successor_of {
        _ if there => globals.passphrase()?,
        Some(old) => globals.passphrase_of(old)?,
        None => globals.new_passphrase()?,
    };
    match &args.successor_of {
        _ if there => {}
        Some(old) => network::take_keys(old, dir, &passphrase)?,
        None => network::new_keys(dir, args.governs, &passphrase, KeyFileParams::DEFAULT)?,
    }
    let card = match &args.genesis {
        None => network::card(dir, args.address, &passphrase)?,
        Some(file) => {
            network::later_card(dir, args.address, read_genesis(file)?.network(), &passphrase)?
        }
    };
    if args.governs && card.governor.is_none() {
        return Err(Failure::new("exists", "the keys that are here do not govern")
            .hint("have another founder govern, or make other keys in another folder")
            .exit(Exit::Usage));
    }
    out.result(&card, |card| serde_json::to_string_pretty(card).unwrap_or_default());
    out.say(match args.genesis {
        None => "hand this to whoever makes the genesis; there is no secret in it",
        Some(_) => "hand this to whoever governs the network; there is no secret in it",
    });
    Ok(())
}

/// Make the genesis.
pub(super) async fn genesis(
    globals: &Globals,
    out: Output,
    args: &GenesisArgs,
) -> Result<(), Failure> {
    if args.out.exists() {
        return Err(Failure::new("exists", format!("`{}` is there already", args.out.display()))
            .hint(
                "the members of a network have all the same genesis; give another file with --out",
            )
            .exit(Exit::Usage));
    }
    let cards = args.cards.iter().map(|file| read_card(file)).collect::<Result<Vec<_>, _>>()?;
    let genesis = match &args.successor_of {
        None => {
            let genesis = network::genesis(&args.name, &cards)?;
            files::write_private(&args.out, &encode(&genesis))?;
            genesis
        }
        Some(old) => {
            let passphrase = globals.passphrase_of(old)?;
            let (from, agreed) = ((&**old, &globals.vault()?), (&*args.name, &*cards));
            network::genesis_after(from, &passphrase, agreed, &args.out).await?
        }
    };
    network::write_list(&args.out, &cards)?;
    let closed = args.successor_of.is_some().then(|| network::ledgers_beside(&args.out));
    let peers: Vec<String> =
        cards.iter().map(|card| format!("{}@{}", card.validator, card.address)).collect();
    let value = json!({
        "network": genesis.network().to_string(), "name": args.name, "genesis": args.out,
        "peers": peers, "closed": closed,
    });
    out.result(&value, |_| {
        let lines = peers.iter().map(|peer| format!("  {peer}\n")).collect::<String>();
        format!(
            "the network is {}\nits genesis is in {}; each founder compares the network's id and joins with it\n\
             hand {} round with it: it says where they are\n{lines}",
            genesis.network(), args.out.display(), network::list_beside(&args.out).display()
        )
    });
    if let Some(closed) = closed {
        out.say(&format!(
            "hand on `{}` with it, which each names with --closed; the old folder's own node joins with --successor-of",
            closed.display()
        ));
    }
    Ok(())
}

/// The card in a file.
pub(in crate::verbs) fn read_card(file: &Path) -> Result<Card, Failure> {
    let text = files::read_text(file, MAX_CARD_BYTES)?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::new("bad-card", format!("`{}` is no founder's card", file.display()))
            .because(&error)
            .hint("`secnet net card` prints one")
            .exit(Exit::Usage)
    })
}

/// Begin the folder.
pub(super) fn join(globals: &Globals, out: Output, args: &JoinArgs) -> Result<(), Failure> {
    network::require_feature()?;
    let genesis = read_genesis(&args.genesis)?;
    let who = if args.later { Joins::Later } else { Joins::Founder };
    let past = match (&args.closed, &args.successor_of) {
        (Some(ledgers), _) => Past::Ledgers(ledgers),
        (None, Some(old)) => Past::Folder(old),
        (None, None) => Past::None,
    };
    let told_where = network::keep_list(&globals.dir, &args.genesis)?;
    network::join(&globals.dir, (&genesis, past), who, &globals.passphrase()?)?;
    let validators = genesis.validators.as_ref().map_or(0, Vec::len);
    let value = json!({
        "network": genesis.network().to_string(), "name": genesis.name,
        "dir": globals.dir, "validators": validators,
    });
    out.result(&value, |_| {
        format!(
            "`{}` belongs to the network {}, which began with {validators} validators",
            globals.dir.display(),
            genesis.network()
        )
    });
    out.say(if told_where {
        "next: `secnet up`, with `network.listen` in its configuration"
    } else {
        "next: `secnet up`, with `network.listen` and `network.peers` in its configuration"
    });
    Ok(())
}

fn read_genesis(file: &Path) -> Result<Genesis, Failure> {
    let bytes = files::read(file, limits::MAX_GENESIS_BYTES as u64)?;
    Genesis::parse(&bytes).map_err(|error| {
        Failure::new(error.code(), format!("`{}` is no genesis", file.display()))
            .because(&error)
            .hint("get it again from whoever made it")
            .exit(Exit::Verification)
    })
}
