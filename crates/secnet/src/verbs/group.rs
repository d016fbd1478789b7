//! `secnet group`

use clap::{Args, Subcommand};
use secnet_app::Enclosures;
use secnet_types::{GroupId, MemberId, Operation};
use serde_json::json;

use crate::cli::Globals;
use crate::failure::Failure;
use crate::groups;
use crate::node::Node;
use crate::output::Output;
use crate::sign;

#[derive(Debug, Args)]
pub(crate) struct GroupArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Open a group.
    New {
        /// What this folder is to call it.
        name: String,
        /// Who runs it: what is granted to the group is sealed to this member's key.
        #[arg(long = "as", value_name = "NAME")]
        admin: String,
    },
    /// Take members in.
    Add {
        /// The group: its name or id.
        group: String,
        /// Who joins: names or member ids.
        #[arg(required = true)]
        members: Vec<String>,
        /// Who runs it.
        #[arg(long = "as", value_name = "NAME")]
        admin: String,
    },
    /// Let members go: they can use nothing granted to the group any more.
    Remove {
        /// The group: its name or id.
        group: String,
        /// Who leaves.
        #[arg(required = true)]
        members: Vec<String>,
        /// Who runs it.
        #[arg(long = "as", value_name = "NAME")]
        admin: String,
    },
    /// Show who is in a group.
    Show {
        /// The group: its name or id.
        group: String,
    },
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: GroupArgs,
) -> Result<(), Failure> {
    match args.what {
        None => list(node, out),
        Some(What::New { name, admin }) => new(node, globals, out, &name, &admin).await?,
        Some(What::Add { group, members, admin }) => {
            let (group, add) = (groups::find(node, &group)?, ids(node, &members)?);
            let said = format!("{} joined {group}", members.join(", "));
            change(node, globals, out, &admin, (group, add, Vec::new()), &said).await?;
        }
        Some(What::Remove { group, members, admin }) => {
            let (group, remove) = (groups::find(node, &group)?, ids(node, &members)?);
            let said = format!("{} left {group}", members.join(", "));
            change(node, globals, out, &admin, (group, Vec::new(), remove), &said).await?;
        }
        Some(What::Show { group }) => show(node, out, groups::find(node, &group)?)?,
    }
    Ok(())
}

fn ids(node: &Node, names: &[String]) -> Result<Vec<MemberId>, Failure> {
    names.iter().map(|name| node.member(name)).collect()
}

async fn new(
    node: &Node,
    globals: &Globals,
    out: Output,
    name: &str,
    admin: &str,
) -> Result<(), Failure> {
    groups::check_free(node, name)?;
    let admin = node.identity(admin)?;
    let would = format!("open the group `{name}`, run by {}", admin.card.name);
    let operation = (Operation::CreateGroup, Enclosures::default());
    let Some(command) = sign::order(node, globals, out, &admin, operation, &would).await? else {
        return Ok(());
    };
    let group = GroupId::derive(admin.member(), command.value.id);
    groups::keep(node, name, group)?;
    let value = json!({ "group": group.to_string(), "name": name, "admin": admin.card.name });
    out.result(&value, |_| format!("{name} is {group}"));
    Ok(())
}

async fn change(
    node: &Node,
    globals: &Globals,
    out: Output,
    admin: &str,
    (group, add, remove): (GroupId, Vec<MemberId>, Vec<MemberId>),
    said: &str,
) -> Result<(), Failure> {
    let admin = node.identity(admin)?;
    let value = json!({
        "group": group.to_string(), "added": add.len(), "removed": remove.len(),
    });
    let operation = (Operation::ChangeGroup { group, add, remove }, Enclosures::default());
    let would = format!("state that {said}");
    if sign::order(node, globals, out, &admin, operation, &would).await?.is_some() {
        out.result(&value, |_| said.to_owned());
    }
    Ok(())
}

fn list(node: &Node, out: Output) {
    let mut known = groups::known(node);
    known.sort_by(|a, b| a.1.cmp(&b.1));
    let rows: Vec<_> = known
        .iter()
        .filter_map(|(id, name)| {
            let group = id.parse().ok()?;
            let state = node.pdc.view(|view| view.state.group(group).cloned()).flatten()?;
            Some((name, id, node.name_of(state.admin), state.members))
        })
        .collect();
    let value: Vec<_> = rows
        .iter()
        .map(|(name, id, admin, members)| {
            json!({ "name": name, "group": id, "admin": admin, "members": members })
        })
        .collect();
    out.result(&json!({ "groups": value }), |_| {
        let lines: Vec<_> = rows
            .iter()
            .map(|(name, id, admin, members)| {
                format!("{name:20} {id}  {members} members, run by {admin}")
            })
            .collect();
        if lines.is_empty() { "there are no groups".into() } else { lines.join("\n") }
    });
}

fn show(node: &Node, out: Output, group: GroupId) -> Result<(), Failure> {
    let admin = groups::admin(node, group)?;
    let members: Vec<String> = node
        .pdc
        .view(|view| view.state.members_of(group).collect::<Vec<_>>())
        .unwrap_or_default()
        .into_iter()
        .map(|member| node.name_of(member))
        .collect();
    let value = json!({
        "group": group.to_string(), "admin": node.name_of(admin), "members": members,
    });
    out.result(&value, |_| {
        let list = if members.is_empty() { "nobody".into() } else { members.join(", ") };
        format!("{group}\nrun by   {}\nmembers  {list}", node.name_of(admin))
    });
    Ok(())
}
