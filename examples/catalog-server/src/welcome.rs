//! What the demo prints when it serves.

use std::net::SocketAddr;

use crate::sample::TEAMS;

/// The address, the tenants, where the data is, and what to try next; `database` is its URL as it may be shown.
pub(crate) fn text(address: SocketAddr, database: &str) -> String {
    let base = format!("http://{address}");
    let models = format!("{base}/api/model_catalog/v1alpha1/models");
    format!(
        "
  catalog-server serves the demo on {base} (API page: {base}/docs)
  Tenants: {}. There is no sign-in yet: everybody on this machine may see both.

  Try:
    curl -s '{base}/api/plugins'
    curl -s '{models}?namespace=team-a&orderBy=name&pageSize=3'
    curl -s -G '{base}/api/mcp_catalog/v1alpha1/mcpservers' -d namespace=team-b --data-urlencode \"filterQuery=toolCount > 5 AND verified = true\"

  Ctrl-C ends it. The data is in {database}.
",
        TEAMS.join(", "),
    )
}
