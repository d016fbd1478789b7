//! The packets of an upload: what opens it, sealed to whom it is for.

use std::collections::BTreeSet;

use secnet_lock::{CompartmentPacket, HostingPacket, ReleasePacket, UploadId};
use secnet_types::{Digest, RecordId};

use super::checks::{is_pristine, packet_amiss};
use super::taking::{Broken, Phase, Taking};
use super::talk::{CopyAnswer, CopyQuestion};
use crate::ports::{Change, EntryKind, EntryName};
use crate::upload::Catalogue;

impl Taking<'_> {
    /// The packets that hold both halves of the lock, sealed to whom they are for.
    pub(super) async fn packets(
        &mut self,
        upload: UploadId,
        catalogue: &Catalogue,
    ) -> Result<(), Broken> {
        for kind in [EntryKind::CompartmentPacket, EntryKind::ReleasePacket] {
            let before = self.pdc.archive.list(kind, &upload.0).await?;
            if self.phase == Phase::CatchUp && !before.is_empty() {
                continue;
            }
            let there = self.names(kind, Some(upload)).await?;
            let mut changes = Vec::new();
            for (name, bytes) in before {
                if there.get(&name.key) != Some(&Digest::of(&bytes)) {
                    changes.push(Change { name, value: None });
                }
            }
            for (key, digest) in &there {
                let name = EntryName::new(kind, &upload.0, key);
                let here = self.pdc.archive.get(&name).await?;
                if here.is_some_and(|bytes| Digest::of(&bytes) == *digest) {
                    continue;
                }
                let given = self.value(kind, Some(upload), key).await?;
                let Some(bytes) = given else { continue };
                match packet_amiss(kind, (self.dataset, upload), key, &bytes) {
                    None => {
                        changes.retain(|change| change.name != name);
                        changes.push(Change { name, value: Some(bytes) });
                    }
                    Some(what) => self.lacks(format!("upload {upload}: {what}")),
                }
            }
            self.write(changes).await?;
        }
        self.look_at_packets(upload, catalogue).await
    }

    async fn look_at_packets(
        &mut self,
        upload: UploadId,
        catalogue: &Catalogue,
    ) -> Result<(), Broken> {
        let all = self.pdc.archive.list(EntryKind::CompartmentPacket, &upload.0).await?;
        let compartments: Vec<CompartmentPacket> =
            all.iter().filter_map(|(_, bytes)| CompartmentPacket::from_bytes(bytes).ok()).collect();
        let all = self.pdc.archive.list(EntryKind::ReleasePacket, &upload.0).await?;
        let releases: Vec<ReleasePacket> =
            all.iter().filter_map(|(_, bytes)| ReleasePacket::from_bytes(bytes).ok()).collect();
        for item in &catalogue.items {
            let wanted = item.entry.compartment();
            if !compartments.iter().any(|packet| packet.header.compartment == wanted) {
                self.lacks(format!("upload {upload}: a packet for the grantees is missing"));
            }
        }
        let nodes: BTreeSet<Digest> = releases.iter().map(|packet| packet.header.key).collect();
        let dealt = releases.first().and_then(|packet| packet.header.dealt.as_ref());
        let needed = catalogue.items.first().map_or(0, |item| {
            usize::from(dealt.map_or_else(|| item.entry.threshold(), |dealt| dealt.threshold))
        });
        if nodes.len() < needed {
            let (has, n) = (nodes.len(), needed);
            self.lacks(format!(
                "upload {upload}: packets of {has} release nodes, and it takes {n}"
            ));
        }
        // As long as nothing was erased or handed over, the upload's own manifest stands for each of its packets.
        if self.phase == Phase::Copy
            && is_pristine(catalogue, &compartments, &releases) == Some(false)
        {
            self.unlist_packets(upload).await?;
            self.lacks(format!("upload {upload}: its packets are not those that its owner sealed"));
        }
        Ok(())
    }

    async fn unlist_packets(&self, upload: UploadId) -> Result<(), Broken> {
        let mut changes = Vec::new();
        self.pdc.forget_packets(&upload.0, &mut changes).await?;
        self.write(changes).await
    }

    /// What lets this data centre open the records, if the owner wants that.
    pub(super) async fn hosting(
        &mut self,
        upload: UploadId,
        catalogue: &Catalogue,
    ) -> Result<(), Broken> {
        if !self.pdc.is_hosted(self.dataset) || catalogue.items.is_empty() {
            return Ok(());
        }
        let records: BTreeSet<RecordId> = catalogue.items.iter().map(|item| item.meta.id).collect();
        let opens = |packet: &HostingPacket| {
            let held = self.pdc.host.open((self.dataset, upload), packet);
            held.is_ok_and(|held| held.records().collect::<BTreeSet<_>>() == records)
        };
        let name = self.pdc.hosting_name(upload);
        let here = self.pdc.archive.get(&name).await?;
        let here = here.and_then(|bytes| HostingPacket::from_bytes(&bytes).ok());
        if here.as_ref().is_some_and(opens) {
            return Ok(());
        }
        let key = self.pdc.hosting_key().clone();
        match self.ask(CopyQuestion::Hosting { upload, key }).await? {
            CopyAnswer::Hosting { packet: Some(packet) } if opens(&packet) => {
                self.write(vec![Change { name, value: Some(packet.to_bytes()) }]).await
            }
            CopyAnswer::Hosting { .. } => {
                self.lacks(format!("upload {upload}: what opens it for this data centre"));
                Ok(())
            }
            _ => Err(self.other()),
        }
    }
}
