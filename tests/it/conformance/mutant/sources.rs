use super::Mutant;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::answers("sources have one name only", "sources-have-their-envelope", |asked, answered| {
        if asked.is_sources() {
            answered.edit(|json| drop(json.as_object_mut().and_then(|json| json.remove("sources"))));
        }
    }),
    Mutant::answers("sources have no state", "sources-are-complete", |asked, answered| {
        if asked.is_sources() {
            answered.edit_each(|source| source["status"]["state"] = "fine".into());
        }
    }),
    Mutant::answers("a source alone has another document", "listed-sources-are-found", |asked, answered| {
        if asked.is_source() {
            answered.edit(|json| json["name"] = "another".into());
        }
    }),
    Mutant::asks("the source of assets is ignored", "assets-come-from-listed-sources", |asked| {
        asked.remove(&["source"]);
    }),
    Mutant::answers("secrets are shown", "secrets-are-not-shown", |_, answered| {
        answered.body = String::from_utf8_lossy(&answered.body).replace("**redacted**", "hunter2").into();
    }),
    Mutant::answers("the document is of an older version", "document-is-openapi-3-1", |asked, answered| {
        if asked.path == "/openapi.json" {
            answered.edit(|json| json["openapi"] = "3.0.3".into());
        }
    }),
    Mutant::answers("the document misses a route", "document-has-every-route", |asked, answered| {
        if asked.path == "/openapi.json" {
            answered.edit(|json| {
                let paths = json["paths"].as_object_mut();
                drop(
                    paths.and_then(|paths| {
                        paths.remove("/api/model_catalog/v1alpha1/models/{name}/artifacts")
                    }),
                );
            });
        }
    }),
    Mutant::answers("the document misses a shape", "document-refers-to-what-it-has", |asked, answered| {
        if asked.path == "/openapi.json" {
            answered.edit(|json| {
                let shapes = json["components"]["schemas"].as_object_mut();
                drop(shapes.and_then(|shapes| shapes.remove("SourceStatus")));
            });
        }
    }),
];
