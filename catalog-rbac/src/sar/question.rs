use std::collections::BTreeMap;

use catalog_core::{
    identity::Identity,
    name::Namespace,
    permission::{Permission, Reach},
};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};

/// Everything that a review says, in one form whatever order it came in. Answers are kept by it, and what is sent is made of it, so
/// that two questions share an answer only if the cluster is asked the same.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub(super) struct Question {
    user: String,
    /// Sorted, each once.
    groups: Vec<String>,
    extra: BTreeMap<String, Vec<String>>,
    verb: &'static str,
    group: String,
    resource: &'static str,
    /// Empty for the whole resource.
    subresource: String,
    /// Empty for the whole cluster.
    namespace: String,
    /// Empty for no object in particular.
    name: String,
}

impl Question {
    /// Whether the permission is there for the whole resource.
    pub(super) fn new(
        identity: &Identity,
        permission: &Permission,
        api_group: &str,
        namespace: Option<&Namespace>,
        name: Option<&str>,
    ) -> Self {
        let mut groups = identity.groups.clone();
        groups.sort_unstable();
        groups.dedup();
        let namespace = namespace.filter(|_| permission.reach != Reach::Cluster);
        Self {
            user: identity.user.clone(),
            groups,
            extra: identity.extra.clone(),
            verb: permission.verb.as_str(),
            group: api_group.to_owned(),
            resource: permission.resource.as_str(),
            subresource: String::new(),
            namespace: namespace.map(ToString::to_string).unwrap_or_default(),
            name: name.unwrap_or_default().to_owned(),
        }
    }

    /// Whether it is there for the plugin's part of the resource, if it is a plugin's.
    pub(super) fn narrowed(&self, permission: &Permission) -> Option<Self> {
        let plugin = permission.plugin.as_deref().filter(|plugin| !plugin.is_empty())?;
        Some(Self { subresource: plugin.to_owned(), ..self.clone() })
    }

    /// About how large it is, in bytes.
    pub(super) fn size(&self) -> usize {
        let extra = self.extra.iter().flat_map(|(key, values)| std::iter::once(key).chain(values));
        let texts = [&self.user, &self.group, &self.subresource, &self.namespace, &self.name];
        let texts = texts.into_iter().chain(&self.groups).chain(extra);
        texts.map(String::len).sum::<usize>() + self.verb.len() + self.resource.len()
    }

    /// The review to be sent.
    pub(super) fn review(&self) -> SubjectAccessReview {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let attributes = ResourceAttributes {
            verb: text(self.verb),
            group: text(&self.group),
            resource: text(self.resource),
            subresource: text(&self.subresource),
            namespace: text(&self.namespace),
            name: text(&self.name),
            ..ResourceAttributes::default()
        };
        let spec = SubjectAccessReviewSpec {
            user: text(&self.user),
            groups: Some(self.groups.clone()).filter(|groups| !groups.is_empty()),
            extra: Some(self.extra.clone()).filter(|extra| !extra.is_empty()),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        };
        SubjectAccessReview { spec, ..SubjectAccessReview::default() }
    }
}

#[cfg(test)]
mod tests {
    use catalog_core::{
        identity::Authenticator,
        permission::{Resource, Verb},
    };
    use proptest::prelude::*;

    use super::*;

    fn question(user: &str, groups: &[&str], extra: &[(&str, &[&str])]) -> Question {
        let mut identity = Identity::new(user, Authenticator::Token);
        identity.groups = groups.iter().map(ToString::to_string).collect();
        let values = |values: &[&str]| values.iter().map(ToString::to_string).collect();
        identity.extra = extra.iter().map(|(key, list)| ((*key).to_owned(), values(list))).collect();
        let permission = Permission::new(Verb::Get, Resource::Assets, Reach::Tenant).of_plugin("model");
        Question::new(&identity, &permission, "example.org", None, None)
    }

    #[test]
    fn neither_order_nor_repetition_of_groups_makes_another_question() {
        assert_eq!(question("a", &["x", "y", "x"], &[]), question("a", &["y", "x"], &[]));
        assert_ne!(question("a", &["x", "y"], &[]), question("a", &["x"], &[]));
    }

    #[test]
    fn where_one_text_ends_and_the_next_begins_makes_another_question() {
        assert_ne!(question("a:b", &["c"], &[]), question("a", &["b:c"], &[]));
        assert_ne!(question("a", &["b,c"], &[]), question("a", &["b", "c"], &[]));
        assert_ne!(question("a", &[], &[("k", &["v", "w"])]), question("a", &[], &[("k", &["vw"])]));
        assert_ne!(question("a", &[], &[("k", &["l"])]), question("a", &[], &[("k", &[]), ("l", &[])]));
    }

    proptest! {
        #[test]
        fn questions_are_the_same_exactly_if_what_is_sent_is(
            first in ("[ab:]{0,2}", proptest::collection::vec("[ab:]{0,2}", 0..3)),
            second in ("[ab:]{0,2}", proptest::collection::vec("[ab:]{0,2}", 0..3)),
        ) {
            let of = |(user, groups): &(String, Vec<String>)| {
                question(user, &groups.iter().map(String::as_str).collect::<Vec<_>>(), &[])
            };
            let (first, second) = (of(&first), of(&second));
            prop_assert_eq!(first == second, first.review() == second.review());
        }
    }
}
