use std::collections::BTreeSet;

use catalog_core::{
    authorizer::{Attributes, AuthorizerError, InsecureAllowAll, Visible, authorize_visible},
    identity::Identity,
    name::Namespace,
    permission::{Permission, Reach},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{SubjectAccessReviewAuthorizer, answer::Verdict, error::AskError};

impl SubjectAccessReviewAuthorizer {
    pub(super) async fn find_visible(
        &self,
        identity: &Identity,
        permission: &Permission,
    ) -> Result<Visible, AuthorizerError> {
        let everywhere = self.answer(identity, Attributes::new(permission, None, None)).await?;
        if everywhere.verdict == Verdict::Allowed {
            return Ok(Visible::All);
        }
        if permission.reach == Reach::Cluster {
            return Ok(Visible::Set(BTreeSet::new()));
        }
        let asked = stream::iter(self.namespaces(permission).await?).map(async |namespace| {
            let attributes = Attributes::new(permission, Some(&namespace), None);
            let answer = self.answer(identity, attributes).await?;
            Ok((answer.verdict == Verdict::Allowed).then_some(namespace))
        });
        let at_once = self.shared.config.at_once.max(1);
        let visible: Vec<Option<Namespace>> = asked.buffer_unordered(at_once).try_collect().await?;
        Ok(Visible::Set(visible.into_iter().flatten().collect()))
    }

    /// Every namespace there is: which of them the caller may see is what is to be found out.
    async fn namespaces(&self, permission: &Permission) -> Result<Vec<Namespace>, AuthorizerError> {
        let system = Identity::system("authorize");
        let scope = authorize_visible(&InsecureAllowAll, &system, permission).await;
        let scope = scope.map_err(AuthorizerError::new)?;
        let most = self.shared.config.namespaces;
        let mut found: Vec<Namespace> = Vec::new();
        // a directory may give fewer at once than it is asked for
        loop {
            let wanted = most.saturating_add(1).saturating_sub(found.len());
            let page = self.shared.directory.list(&scope, found.last(), wanted).await;
            let page = page.map_err(AuthorizerError::new)?;
            if page.is_empty() {
                return Ok(found);
            }
            found.extend(page.iter().map(|record| record.name.clone()));
            if found.len() > most {
                return Err(AuthorizerError::new(AskError::TooManyNamespaces { most }));
            }
        }
    }
}
