//! `secnet group`

use clap::{Args, Subcommand};
use secnet_app::Enclosures;
use secnet_types::{GroupId, MemberId, Operation};
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::groups;
use crate::keystore::Identity;
use crate::node::Node;
use crate::output::Output;
use crate::remote::{self, How, Remote, RemoteArgs};
use crate::show::fields::entries;
use crate::sign;

#[derive(Debug, Args)]
pub(crate) struct GroupArgs {
    #[command(flatten)]
    pub remote: RemoteArgs,
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
        /// Who asks, at a node elsewhere: whoever runs it.
        #[arg(long = "as", value_name = "NAME")]
        admin: Option<String>,
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
            let (group, add) = (groups::find(node, &group)?, ids(&members, |m| node.member(m))?);
            let change = Change { group, add, remove: Vec::new(), said: joined(group, &members) };
            change.order(node, globals, out, &admin).await?;
        }
        Some(What::Remove { group, members, admin }) => {
            let (group, remove) = (groups::find(node, &group)?, ids(&members, |m| node.member(m))?);
            let change = Change { group, add: Vec::new(), remove, said: left(group, &members) };
            change.order(node, globals, out, &admin).await?;
        }
        Some(What::Show { group, .. }) => show(node, out, groups::find(node, &group)?)?,
    }
    Ok(())
}

/// At a node elsewhere.
pub(crate) async fn run_remote(
    globals: &Globals,
    out: Output,
    args: GroupArgs,
) -> Result<(), Failure> {
    let on = &args.remote;
    match args.what {
        None => Err(remote::not_remote(
            "a node tells of a group whoever runs it",
            "secnet group show GROUP --as NAME",
        )),
        Some(What::New { name, admin }) => {
            let (remote, admin, how) = on.open_as(&admin, globals, out)?;
            groups::check_free(&remote.keystore, &name)?;
            let operation = (Operation::CreateGroup, Enclosures::default());
            let change = remote::order(&remote, &admin, operation, how).await?;
            let group = GroupId::derive(admin.member(), change.id);
            if change.is_done() {
                groups::keep(&remote.keystore, &name, group)?;
            }
            change.tell(out, &would_open(&name, &admin), || opened(out, &name, group, &admin));
            Ok(())
        }
        Some(What::Add { group, members, admin }) => {
            let (remote, admin, how) = on.open_as(&admin, globals, out)?;
            let group = groups::find(&remote, &group)?;
            let add = ids(&members, |name| remote.member(name))?;
            let change = Change { group, add, remove: Vec::new(), said: joined(group, &members) };
            change.order_at(&remote, &admin, how, out).await
        }
        Some(What::Remove { group, members, admin }) => {
            let (remote, admin, how) = on.open_as(&admin, globals, out)?;
            let group = groups::find(&remote, &group)?;
            let remove = ids(&members, |name| remote.member(name))?;
            let change = Change { group, add: Vec::new(), remove, said: left(group, &members) };
            change.order_at(&remote, &admin, how, out).await
        }
        Some(What::Show { group, admin }) => {
            let admin = admin.ok_or_else(|| {
                Failure::new("usage", "say who runs the group")
                    .hint("secnet group show GROUP --as NAME")
                    .exit(Exit::Usage)
            })?;
            let (remote, admin, _) = on.open_as(&admin, globals, out)?;
            let group = groups::find(&remote, &group)?;
            let path = format!("/v1/groups/{group}");
            let Some(told) = remote.all(&admin, &path, &["members"]).await? else { return Ok(()) };
            let members = entries(&told, "members").filter_map(Value::as_str);
            let members: Vec<String> = members.map(|id| remote.name_of(id)).collect();
            shown(out, group, &remote.name_of(remote::text(&told, "admin")?), &members);
            Ok(())
        }
    }
}

fn ids(
    names: &[String],
    member: impl Fn(&str) -> Result<MemberId, Failure>,
) -> Result<Vec<MemberId>, Failure> {
    names.iter().map(|name| member(name)).collect()
}

fn joined(group: GroupId, members: &[String]) -> String {
    format!("{} joined {group}", members.join(", "))
}

fn left(group: GroupId, members: &[String]) -> String {
    format!("{} left {group}", members.join(", "))
}

async fn new(
    node: &Node,
    globals: &Globals,
    out: Output,
    name: &str,
    admin: &str,
) -> Result<(), Failure> {
    groups::check_free(&node.keystore, name)?;
    let admin = node.identity(admin)?;
    let would = would_open(name, &admin);
    let operation = (Operation::CreateGroup, Enclosures::default());
    let Some(command) = sign::order(node, globals, out, &admin, operation, &would).await? else {
        return Ok(());
    };
    let group = GroupId::derive(admin.member(), command.value.id);
    groups::keep(&node.keystore, name, group)?;
    opened(out, name, group, &admin);
    Ok(())
}

fn would_open(name: &str, admin: &Identity) -> String {
    format!("open the group `{name}`, run by {}", admin.card.name)
}

fn opened(out: Output, name: &str, group: GroupId, admin: &Identity) {
    let value = json!({ "group": group.to_string(), "name": name, "admin": admin.card.name });
    out.result(&value, |_| format!("{name} is {group}"));
}

/// Who joins a group, who leaves it, and that in words.
struct Change {
    group: GroupId,
    add: Vec<MemberId>,
    remove: Vec<MemberId>,
    said: String,
}

impl Change {
    fn operation(&self) -> (Operation, Enclosures) {
        let (add, remove) = (self.add.clone(), self.remove.clone());
        (Operation::ChangeGroup { group: self.group, add, remove }, Enclosures::default())
    }

    fn would(&self) -> String {
        format!("state that {}", self.said)
    }

    fn tell(&self, out: Output) {
        let value = json!({
            "group": self.group.to_string(), "added": self.add.len(), "removed": self.remove.len(),
        });
        out.result(&value, |_| self.said.clone());
    }

    async fn order(
        &self,
        node: &Node,
        globals: &Globals,
        out: Output,
        admin: &str,
    ) -> Result<(), Failure> {
        let admin = node.identity(admin)?;
        let would = self.would();
        if sign::order(node, globals, out, &admin, self.operation(), &would).await?.is_some() {
            self.tell(out);
        }
        Ok(())
    }

    async fn order_at(
        &self,
        remote: &Remote,
        admin: &Identity,
        how: How,
        out: Output,
    ) -> Result<(), Failure> {
        let change = remote::order(remote, admin, self.operation(), how).await?;
        change.tell(out, &self.would(), || self.tell(out));
        Ok(())
    }
}

fn list(node: &Node, out: Output) {
    let mut known = groups::known(&node.keystore);
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
    shown(out, group, &node.name_of(admin), &members);
    Ok(())
}

fn shown(out: Output, group: GroupId, admin: &str, members: &[String]) {
    let value = json!({ "group": group.to_string(), "admin": admin, "members": members });
    out.result(&value, |_| {
        let list = if members.is_empty() { "nobody".into() } else { members.join(", ") };
        format!("{group}\nrun by   {admin}\nmembers  {list}")
    });
}
