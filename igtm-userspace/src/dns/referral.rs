//! What leads to other name servers: referrals, and the DS that stands above a zone.
//!
//! Must not decide where one is due: that is `chain.rs`'.

use igtm_common::layout::{NameKey, NameRef};
use igtm_common::reply::Kind;

use super::answer::Asked;
use super::chain::{Step, Stepped, Way};
use crate::config::model::rtype;
use crate::snapshot::names;
use crate::zone::compose::{Full, Section};
use crate::zone::store::{self, Kind as Below, Node};

impl Asked<'_> {
    /// The DS of a zone's apex is the zone above's (RFC 4035 §3.1.4.1).
    pub(super) fn delegation_signer(&self, way: &mut Way, key: NameKey, of: &NameRef) -> Stepped {
        let ground = &self.snapshot.ground;
        let Some((above, parent)) = self.closest_name(&way.owner) else {
            return Ok(Step::Negative(Kind::NoData, of.zone));
        };
        if let Some(set) = ground.statics.above(key) {
            self.add_set(way, set)?;
            return Ok(Step::Done);
        }
        let above = names::key(&ground.hash_key, above);
        let cut = above.and_then(|key| ground.statics.node(key));
        if let Some(cut) = cut.filter(|node| node.kind == Below::Cut) {
            self.refer(way, cut)?;
            return Ok(Step::Done);
        }
        Ok(Step::Negative(Kind::NoData, parent.zone))
    }

    /// A referral: the NS of a delegation, and the addresses without which it leads nowhere
    /// (RFC 1034 §4.3.2 3b, RFC 9471).
    pub(super) fn refer(&self, way: &mut Way, node: &Node) -> Result<(), Full> {
        let ground = &self.snapshot.ground;
        let Some(set) = ground.statics.set(node, rtype::NS) else {
            return Ok(());
        };
        let (_, raw) = ground.statics.raw(&ground.config, set);
        // Authority is that of the first name.
        way.sending.authoritative = way.links > 0;
        for server in raw.rdata() {
            way.sending
                .add(Section::Authority, &raw.owner, store::data(raw, server))?;
        }
        // Those below the delegation cannot be asked for elsewhere: they come first, and must fit.
        for needed in [true, false] {
            for server in raw.rdata() {
                let server = server.to_ascii_lowercase();
                if names::upward(&server).any(|name| *name == *raw.owner) == needed {
                    let added = self.add_addresses(way, &server);
                    if needed {
                        added?;
                    }
                }
            }
        }
        Ok(())
    }
}
