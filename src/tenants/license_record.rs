//! How a license is stored: a head, and its agents in parts.
//!
//! A license of 10,000 agents is megabytes long, and a compare-and-set names both the old and the new bytes. So
//! agents stand in parts of their own that are written once and never changed; the head names them and is the
//! only cell that is compared and set. A change of one agent writes one part and the head. Parts that no head
//! names any more are removed after the change; those of a writer that died stay behind and harm nobody.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cells::{Cells, encode_with};
use crate::domain::id::{AgentId, IdSource, LicenseId};
use crate::domain::license::{Agent, License};
use crate::store::unknown::{self, Unknown};
use crate::store::{CellKey, CellTable, StoreError};

/// Agents of one part.
const PART_AGENTS: usize = 250;

/// Parts that are read or written at the same time.
const PARTS_AT_ONCE: usize = 16;

/// How often a head is read again because its parts were replaced meanwhile.
const READ_AGAIN: usize = 8;

type Agents = BTreeMap<AgentId, Agent>;

/// The cell that is compared and set.
#[derive(Serialize, Deserialize)]
struct Head {
    /// Version of this form.
    form: u8,
    /// Drawn for this write, so that no two writers ever write the same head.
    write: Uuid,
    /// Without its agents.
    license: License,
    parts: Vec<Part>,
}

/// A part's name, and the first agent that belongs into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    id: Uuid,
    first: AgentId,
}

/// A part that has to be written, and who is in it.
type NewPart<'a> = (Uuid, BTreeMap<&'a AgentId, &'a Agent>);

/// A license as it stands in the store.
pub(super) struct LicenseRecord {
    pub(super) license: License,
    head: Bytes,
    parts: Vec<(Part, Bytes)>,
}

impl LicenseRecord {
    /// What a node of a later version wrote beside what is known here: in the head, and in the agents of the parts that are
    /// to be replaced.
    fn unknown(&self, kept: &[Part]) -> Result<(Unknown, Unknown), StoreError> {
        let unreadable = |_| StoreError::corrupt("a record of a tenant");
        let (_, head) = unknown::decode::<Head>(&self.head).map_err(unreadable)?;
        let mut agents = Unknown::default();
        for (_, bytes) in self.parts.iter().filter(|(part, _)| !kept.contains(part)) {
            agents.add(unknown::decode::<Agents>(bytes).map_err(unreadable)?.1);
        }
        Ok((head, agents))
    }
}

const FORM: u8 = 1;

/// The license, if there is one.
pub(super) async fn read(cells: &Cells, id: LicenseId) -> Result<Option<LicenseRecord>, StoreError> {
    for _ in 0..READ_AGAIN {
        let Some(stored) = cells.read::<Head>(&head_key(id)).await? else { return Ok(None) };
        let Head { form, mut license, parts, .. } = stored.value;
        if form != FORM {
            return Err(StoreError::corrupt("a license of a form that this build does not know"));
        }
        if let Some((agents, texts)) = read_parts(cells, id, &parts).await? {
            license.agents = agents;
            let parts = parts.into_iter().zip(texts).collect();
            return Ok(Some(LicenseRecord { license, head: stored.bytes, parts }));
        }
    }
    Err(StoreError::corrupt("a license without all of its agents"))
}

/// The version of the license, which is all that a follower needs to know.
pub(super) async fn read_version(cells: &Cells, id: LicenseId) -> Result<Option<u64>, StoreError> {
    #[derive(Deserialize)]
    struct Version {
        license: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        version: u64,
    }
    Ok(cells.read::<Version>(&head_key(id)).await?.map(|stored| stored.value.license.version))
}

/// Writes `license` in place of `old` (none: where there was none), and gives it back. None if somebody else was faster.
pub(super) async fn write(
    cells: &Cells,
    ids: &dyn IdSource,
    old: Option<&LicenseRecord>,
    license: License,
) -> Result<Option<License>, StoreError> {
    let id = license.id;
    let (parts, new_parts) = divide(old, &license.agents, ids);
    let (of_head, of_agents) = old.map(|old| old.unknown(&parts)).transpose()?.unwrap_or_default();
    let write_part = async |(part, agents): &NewPart<'_>| {
        cells.create_with(&part_key(id, *part), agents, &of_agents).await
    };
    let writes: Vec<_> = new_parts.iter().map(write_part).collect();
    stream::iter(writes).buffer_unordered(PARTS_AT_ONCE).try_collect::<Vec<bool>>().await?;

    let bare = License { agents: Agents::new(), ..license.clone() };
    let head = Head { form: FORM, write: ids.uuid(), license: bare, parts: parts.clone() };
    let head = encode_with(&head, &of_head);
    let applied = cells.swap(&head_key(id), old.map(|old| old.head.clone()), Some(head)).await?;
    if !applied {
        remove(cells, id, new_parts.iter().map(|(part, _)| *part)).await;
        return Ok(None);
    }
    let before = old.map_or(&[][..], |old| &old.parts).iter().map(|(part, _)| part);
    let replaced = before.filter(|part| !parts.contains(part));
    remove(cells, id, replaced.map(|part| part.id)).await;
    Ok(Some(license))
}

/// The agents, and each part as it is stored.
async fn read_parts(
    cells: &Cells,
    id: LicenseId,
    parts: &[Part],
) -> Result<Option<(Agents, Vec<Bytes>)>, StoreError> {
    // Owned keys: futures that borrow them one by one would not be `Send` for every lifetime.
    let keys: Vec<CellKey> = parts.iter().map(|part| part_key(id, part.id)).collect();
    let reads = keys.into_iter().map(|key| async move { cells.read::<Agents>(&key).await });
    let read: Vec<_> = stream::iter(reads).buffered(PARTS_AT_ONCE).try_collect().await?;
    let (mut agents, mut texts) = (Agents::new(), Vec::new());
    for part in read {
        let Some(part) = part else { return Ok(None) };
        texts.push(part.bytes);
        agents.extend(part.value);
    }
    Ok(Some((agents, texts)))
}

/// The parts of the new state, and those of them that have to be written.
fn divide<'a>(
    old: Option<&LicenseRecord>,
    agents: &'a Agents,
    ids: &dyn IdSource,
) -> (Vec<Part>, Vec<NewPart<'a>>) {
    let nothing = Agents::new();
    let old_agents = old.map_or(&nothing, |old| &old.license.agents);
    let old_parts: Vec<&Part> = old.iter().flat_map(|old| &old.parts).map(|(part, _)| part).collect();
    let (mut parts, mut new_parts) = (Vec::new(), Vec::new());
    for index in 0..old_parts.len().max(1) {
        // The first part also takes what comes before it, the last one what comes after it.
        let from = if index == 0 { Unbounded } else { Included(&old_parts[index].first) };
        let to = old_parts.get(index + 1).map_or(Unbounded, |part| Excluded(&part.first));
        let mut inside = agents.range::<AgentId, _>((from, to)).peekable();
        let before = old_agents.range::<AgentId, _>((from, to));
        if !old_parts.is_empty() && agents.range::<AgentId, _>((from, to)).eq(before) {
            parts.push(old_parts[index].clone());
            continue;
        }
        while let Some((first, _)) = inside.peek() {
            let part = Part { id: ids.uuid(), first: (*first).clone() };
            new_parts.push((part.id, inside.by_ref().take(PART_AGENTS).collect()));
            parts.push(part);
        }
    }
    (parts, new_parts)
}

/// Removes parts that nobody names; what cannot be removed now stays, which harms nobody.
async fn remove(cells: &Cells, id: LicenseId, parts: impl Iterator<Item = Uuid>) {
    for part in parts {
        let key = part_key(id, part);
        let removed = async {
            let bytes = cells.0.read_cell(&key).await?;
            cells.swap(&key, bytes, None).await
        };
        if let Err(error) = removed.await {
            tracing::debug!(license.id = %id, %error, "a part of an older version stays behind");
        }
    }
}

fn head_key(id: LicenseId) -> CellKey {
    CellKey::new(CellTable::Licenses, id, "head")
}

fn part_key(id: LicenseId, part: Uuid) -> CellKey {
    CellKey::new(CellTable::Licenses, id, format!("agents/{part}"))
}
