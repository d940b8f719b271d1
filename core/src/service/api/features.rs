//! What the server of one API client can do: asked for once, remembered for as long as the client lives.

use super::client::JobId;
use alloc::{
    collections::BTreeSet,
    string::{String, ToString},
    vec::Vec,
};
use runwire_proto::wire::{self, ServerFeature};
use serde_json::Value;

/// Everything a client may ask about is in the server's one answer.
pub(super) const QUERY: &str = "query ServerFeaturesQuery { serverInfo { features { name isEnabled } } }";
/// Features of an organization, by their own names.
pub(super) const ORG_QUERY: &str = "query OrgFeatureFlags($org: String!) { organization(name: $org) { featureFlags(rampIDType: OrgName) { rampKey \
     isEnabled } } }";

/// The memory of one client.
#[derive(Debug, Default)]
pub(super) struct Features {
    /// `None` until the server has said it.
    known: Option<BTreeSet<i32>>,
    /// The query under way.
    pub(super) asking: Option<JobId>,
    /// Requests that wait for it, with what they asked about.
    pub(super) askers: Vec<(String, Vec<i32>)>,
}

impl Features {
    /// The enabled ones of `asked`, in that order; `None` if they are not known yet.
    pub(super) fn of(&self, asked: &[i32]) -> Option<Vec<i32>> {
        let known = self.known.as_ref()?;
        Some(asked.iter().copied().filter(|feature| known.contains(feature)).collect())
    }

    /// Takes the data of the server's answer. Names that this version does not know mean nothing to its clients.
    pub(super) fn learn(&mut self, data: &str) {
        let Ok(data) = serde_json::from_str::<Value>(data) else { return };
        let Some(features) = data.pointer("/serverInfo/features").and_then(Value::as_array) else { return };
        let enabled = features.iter().filter(|f| f.get("isEnabled").and_then(Value::as_bool) == Some(true));
        let names = enabled.filter_map(|f| f.get("name")?.as_str());
        self.known = Some(names.filter_map(ServerFeature::from_str_name).map(i32::from).collect());
    }
}

/// The flags of an organization that exist, of those asked for.
pub(super) fn of_org(data: &Value, asked: &[String]) -> wire::OrgFeaturesResponse {
    let flags = data.pointer("/organization/featureFlags").and_then(Value::as_array);
    let flag = |flag: &Value| {
        let name = flag.get("rampKey")?.as_str()?.to_string();
        asked.contains(&name).then_some((name, flag.get("isEnabled").and_then(Value::as_bool).unwrap_or(false)))
    };
    let features = flags.map(Vec::as_slice).unwrap_or_default().iter().filter_map(flag).collect();
    wire::OrgFeaturesResponse { features }
}
