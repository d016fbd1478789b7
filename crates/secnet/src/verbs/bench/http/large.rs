//! A dataset with a record as large as a download deserves, and small ones beside it.

use secnet_app::{DatasetManifest, Stated, Upload};
use secnet_crypto::StreamSuite;
use secnet_lock::{SealedUpload, UploadSealer, UploadSpec};
use secnet_types::{DatasetId, Digest, Operation, RecordId, RecordMeta, SignedCommand};
use secnet_vault::{SegmentVault, seal_to_vault};

use super::super::ward::offer;
use super::super::{Place, broken};
use super::world::{World, described};
use crate::actions;
use crate::failure::Failure;
use crate::node::access_failure;
use crate::system::{random, rng};

/// A dataset, its large record and a small one.
pub(super) struct Large {
    pub dataset: DatasetId,
    pub large: RecordId,
    pub small: RecordId,
}

impl Large {
    /// Sealed to a vault of its own, then sent ahead piece by piece and registered, as an owner's side does it.
    pub(super) async fn register(
        world: &World,
        place: &Place,
        bytes: u64,
    ) -> Result<Self, Failure> {
        let (node, owner) = (&world.node, &world.owner);
        let (terms, on_ledger) = offer().terms();
        let operation = |manifest| Operation::RegisterDataset {
            pdc: node.pdc.member,
            terms: on_ledger.clone(),
            manifest,
        };
        // The records are bound to the dataset's id, which follows from the command's; what it commits to comes after.
        let mut command = node.pdc.sign(owner.member(), operation(Digest::ZERO), &owner.signing);
        let dataset = DatasetId::derive(owner.member(), command.value.id);
        let metas = [described(), described()];
        let [large, small] = metas.each_ref().map(|meta| meta.id);

        let aside = place.dir.join("aside");
        let vault = SegmentVault::local(&aside).map_err(|e| broken("a vault", &e))?;
        let sealed = seal(world, &vault, dataset, (&metas, bytes)).await?;
        send_ahead(world, &vault, &sealed).await?;
        drop(std::fs::remove_dir_all(&aside));
        let uploads = vec![Upload { sealed, metas: metas.to_vec() }];
        let manifest = DatasetManifest::of(random(), &uploads);
        command.value.operation = operation(manifest.commitment());
        let command = SignedCommand::sign(command.value, &owner.signing);
        let stated = Stated { terms, manifest: Some(manifest), hosting: Vec::new() };
        node.pdc.take_in(uploads, &stated, &command).await.map_err(access_failure)?;
        Ok(Self { dataset, large, small })
    }
}

async fn seal(
    world: &World,
    vault: &SegmentVault,
    dataset: DatasetId,
    ([large, small], bytes): (&[RecordMeta; 2], u64),
) -> Result<SealedUpload, Failure> {
    let (node, owner) = (&world.node, &world.owner);
    let mut keys = actions::compartments(&node.keystore, owner)?;
    let mut rng = rng();
    for meta in [large, small] {
        keys.ensure(owner.member(), meta.category, meta.labels, &mut rng)
            .map_err(|error| actions::lock_failure(&error))?;
    }
    actions::save_compartments(&node.keystore, owner, &keys)?;
    let (directory, nodes) = (keys.directory(), [node.pdc.release.here()]);
    let spec = UploadSpec {
        dataset,
        owner: owner.member(),
        compartments: &directory,
        release_nodes: &nodes,
        threshold: node.pdc.release.threshold(),
        suite: StreamSuite::preferred(),
    };
    let failed = |error: secnet_lock::UploadError| broken("an upload", &error);
    let mut upload = UploadSealer::new(spec, &mut rng).map_err(failed)?;
    let parts = upload.begin_parts(large, bytes, &mut rng).map_err(failed)?;
    let fill = |piece: &mut [u8]| {
        piece.fill(0x5a);
        Ok(())
    };
    let (entry, address) =
        seal_to_vault(vault, parts, fill).await.map_err(|e| broken("sealing", &e))?;
    upload.end_large(entry, address).map_err(failed)?;
    upload.add(small, &[0x5a; 4096], &mut rng).map_err(failed)?;
    upload.finish(&mut rng).map_err(failed)
}

/// The segments that are not in the upload itself.
async fn send_ahead(
    world: &World,
    vault: &SegmentVault,
    sealed: &SealedUpload,
) -> Result<(), Failure> {
    let (pdc, author) = (&world.node.pdc, world.owner.member());
    for address in vault.list().await.map_err(|e| broken("a vault", &e))? {
        if sealed.segments.iter().any(|segment| segment.address == address) {
            continue;
        }
        let mut reader = vault.read(address).await.map_err(|e| broken("a segment", &e))?;
        let mut incoming =
            pdc.begin_segment(author, address, reader.len()).await.map_err(access_failure)?;
        while let Some(piece) = reader.next().await.map_err(|e| broken("a segment", &e))? {
            incoming.write(piece).await.map_err(access_failure)?;
        }
        pdc.finish_segment(incoming).await.map_err(access_failure)?;
    }
    Ok(())
}
