//! Members, their keys, and groups.

use secnet_crypto::VerifyingKey;
use secnet_types::{
    CommandId, Effect, GroupId, MemberCard, MemberId, MemberKind, Rotation, Signed, limits,
};

use super::{Context, same_network};
use crate::entries::{Group, Member, Present};
use crate::{Rejection, State};

impl State {
    /// An organisation admits somebody it vouches for.
    pub(super) fn vouch(
        &mut self,
        author: MemberId,
        card: &Signed<MemberCard>,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        if self.active_member(author)?.kind != MemberKind::Organisation
            || card.value.kind == MemberKind::Organisation
        {
            return Err(Rejection::WrongKind);
        }
        self.admit_member(card, Some(author), context)
    }

    /// Take in a member on its own card, whose signature has been verified.
    pub(super) fn admit_member(
        &mut self,
        card: &Signed<MemberCard>,
        voucher: Option<MemberId>,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        same_network(self, card.value.network)?;
        // Whoever vouches can suspend: that is for the new member to choose, not for whoever sees its card first.
        if card.value.voucher != voucher {
            return Err(Rejection::WrongVoucher);
        }
        let key = acceptable(&card.envelope.key)?;
        let id = MemberId::from_key(&key);
        if self.members.contains(&id) {
            return Err(Rejection::MemberExists);
        }
        let member = Member {
            kind: card.value.kind,
            voucher,
            key: card.envelope.key,
            sealing_key: card.value.sealing_key,
            suspended: false,
        };
        context.tell(Effect::MemberAdmitted { member: id, kind: member.kind, voucher });
        self.members.put(id, member);
        Ok(())
    }

    /// An organisation takes its voucher back.
    pub(super) fn disown(
        &mut self,
        author: MemberId,
        id: MemberId,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let member = self.members.find(&id).ok_or(Rejection::UnknownMember)?;
        if member.voucher != Some(author) {
            return Err(Rejection::NotVouchedByAuthor);
        }
        // Were the governors to reinstate it, it must not come back as one of the organisation's own.
        let member = Member { voucher: None, ..member.clone() };
        self.members.put(id, member);
        self.set_suspended(id, true, context)
    }

    pub(super) fn set_suspended(
        &mut self,
        id: MemberId,
        suspended: bool,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let member = self.members.find(&id).ok_or(Rejection::UnknownMember)?;
        let member = Member { suspended, ..member.clone() };
        context.tell(if suspended {
            Effect::MemberSuspended { member: id }
        } else {
            Effect::MemberReinstated { member: id }
        });
        self.members.put(id, member);
        Ok(())
    }

    pub(super) fn rotate_key(
        &mut self,
        author: MemberId,
        rotation: &Signed<Rotation>,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        same_network(self, rotation.value.network)?;
        if rotation.value.member != author {
            return Err(Rejection::NotEntitled);
        }
        acceptable(&rotation.envelope.key)?;
        let member = self.active_member(author)?.clone();
        let key = rotation.envelope.key;
        context.tell(Effect::KeyRotated { member: author, key });
        // Whoever stole the old key may have opened them.
        self.end_sessions(author, context);
        let member = Member { key, sealing_key: rotation.value.sealing_key, ..member };
        self.members.put(author, member);
        Ok(())
    }

    pub(super) fn create_group(
        &mut self,
        author: MemberId,
        id: CommandId,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let group = GroupId::derive(author, id);
        if self.groups.contains(&group) {
            return Err(Rejection::AlreadyExists);
        }
        if self.groups_run_by(author).count() >= limits::MAX_GROUPS_RUN_BY_MEMBER {
            return Err(Rejection::LimitReached);
        }
        self.groups.put(group, Group { admin: author, members: 0 });
        context.tell(Effect::GroupCreated { group, admin: author });
        Ok(())
    }

    pub(super) fn change_group(
        &mut self,
        author: MemberId,
        id: GroupId,
        add: &[MemberId],
        remove: &[MemberId],
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let mut group = self.groups.find(&id).ok_or(Rejection::UnknownGroup)?.clone();
        // Nobody was asked before being put into it, so whoever is may leave.
        let leaves = add.is_empty() && remove == [author];
        if group.admin != author && !leaves {
            return Err(Rejection::NotEntitled);
        }
        let changes = add.len().saturating_add(remove.len());
        if changes == 0 || changes > limits::MAX_GROUP_CHANGE {
            return Err(Rejection::TooMany);
        }
        let (mut added, mut removed) = (0, 0);
        for member in add {
            if !self.members.contains(member) {
                return Err(Rejection::UnknownMember);
            }
            if !self.group_members.contains(&(id, *member)) {
                if self.groups_of(*member).count() >= limits::MAX_GROUPS_OF_MEMBER {
                    return Err(Rejection::LimitReached);
                }
                self.group_members.put((id, *member), Present);
                added += 1;
            }
        }
        for member in remove {
            if self.group_members.contains(&(id, *member)) {
                self.group_members.remove(&(id, *member));
                removed += 1;
            }
        }
        group.members = group.members.saturating_add(added).saturating_sub(removed);
        if group.members as usize > limits::MAX_GROUP_MEMBERS {
            return Err(Rejection::GroupFull);
        }
        self.groups.put(id, group);
        context.tell(Effect::GroupChanged { group: id, added, removed });
        Ok(())
    }
}

/// Small-order and non-canonical keys are refused: libraries differ about them.
fn acceptable(key: &[u8; 32]) -> Result<VerifyingKey, Rejection> {
    VerifyingKey::from_bytes(*key).map_err(|_| Rejection::BadKey)
}
