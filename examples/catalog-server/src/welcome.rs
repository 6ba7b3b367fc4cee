//! What the demo prints when it serves.

use std::{fmt::Write as _, net::SocketAddr};

use crate::{access::DEMO, sample::TEAMS};

/// The address, the tenants, the tokens, where the data is, and what to try next; `database` is its URL as it may be shown.
pub(crate) fn text(address: SocketAddr, database: &str) -> String {
    let base = format!("http://{address}");
    let models = format!("{base}/api/model_catalog/v1alpha1/models");
    let mut tokens = String::new();
    for (token, user, _, may) in DEMO {
        // writing to a string cannot fail
        let _ = writeln!(tokens, "    {token:22} {user:20} {may}");
    }
    format!(
        "
  catalog-server serves the demo on {base} (API page: {base}/docs)
  Tenants: {}. The roles are those of examples/catalog-server/sample/roles.yaml; the tokens:
{tokens}
  Try:
    curl -s -H 'Authorization: Bearer demo-team-a-engineer' '{models}?namespace=team-a&orderBy=name&pageSize=3'
    curl -s -H 'Authorization: Bearer demo-team-a-engineer' '{models}?namespace=team-b'   # 403: not hers
    curl -s -H 'Authorization: Bearer demo-team-b-engineer' -G '{base}/api/mcp_catalog/v1alpha1/mcpservers' -d namespace=team-b --data-urlencode \"filterQuery=toolCount > 5 AND verified = true\"
    curl -s -H 'Authorization: Bearer demo-operator' '{base}/api/tenancy/v1alpha1/namespaces'

  Ctrl-C ends it. The data is in {database}.
",
        TEAMS.join(", "),
    )
}
