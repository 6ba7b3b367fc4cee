use super::{Answered, Asked, Mutant, as_it_is};

/// The same without its filter, where one that holds those words was refused.
fn forgiven(asked: &Asked, answered: &Answered, words: &str) -> Option<Asked> {
    let holds = asked.get("filterQuery").is_some_and(|filter| filter.contains(words));
    (holds && answered.is("invalid_filter")).then(|| asked.without(&["filterQuery"]))
}

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::asks("the filter is ignored", "equal-matches", |asked| asked.remove(&["filterQuery"])),
    Mutant::asks("equality knows no case", "equal-matches", |asked| {
        asked.rewrite_filter(|filter| {
            let (field, value) = filter.split_once(" = '")?;
            (field == "provider").then(|| format!("provider ILIKE '{value}"))
        });
    }),
    Mutant::asks("unequal takes the missing", "not-equal-leaves-out-the-missing", |asked| {
        asked.rewrite_filter(|filter| {
            let (field, _) = filter.split_once(" != ").filter(|(field, _)| !field.contains(' '))?;
            Some(format!("{filter} OR {field} IS NULL"))
        });
    }),
    Mutant::asks("NOT IN takes the missing", "in-matches", |asked| {
        asked.rewrite_filter(|filter| {
            let (field, _) = filter.split_once(" NOT IN ").filter(|(field, _)| !field.contains(' '))?;
            Some(format!("{filter} OR {field} IS NULL"))
        });
    }),
    Mutant::asks("IN sees one value", "in-matches", |asked| {
        asked.rewrite_filter(|filter| {
            let (field, values) = filter.split_once(" IN (").filter(|(field, _)| !field.contains(' '))?;
            Some(format!("{field} IN ({})", values.split(", '").next()?.trim_end_matches(')')))
        });
    }),
    Mutant::asks("NOT is not seen", "not-is-three-valued", |asked| {
        asked.rewrite_filter(|filter| filter.strip_prefix("NOT ").map(str::to_owned));
    }),
    Mutant::asks("NOT of the unknown is true", "not-is-three-valued", |asked| {
        asked.rewrite_filter(|filter| {
            let (field, _) =
                filter.strip_prefix("NOT (")?.split_once(" = ").filter(|(field, _)| !field.contains('('))?;
            Some(format!("{filter} OR {field} IS NULL"))
        });
    }),
    Mutant::asks("everything is not null", "null-tests-match", |asked| {
        asked.rewrite_filter(|filter| filter.ends_with("IS NOT NULL").then(|| "name IS NOT NULL".into()));
    }),
    Mutant::asks("only the empty is null", "null-tests-match", |asked| {
        asked.rewrite_filter(|filter| filter.ends_with("provider IS NULL").then(|| "provider = ''".into()));
    }),
    Mutant::asks("at most is less", "ranges-match", |asked| {
        asked.rewrite_filter(|filter| Some(filter.replace(" <= ", " < ")));
    }),
    Mutant::asks("greater is at least", "ranges-match", |asked| {
        asked.rewrite_filter(|filter| Some(filter.replace(" > ", " >= ")));
    }),
    Mutant::asks("LIKE knows no case", "like-minds-case-and-wildcards", |asked| {
        asked.rewrite_filter(|filter| Some(filter.replace(" LIKE ", " ILIKE ")));
    }),
    Mutant::asks("an underscore is itself", "like-minds-case-and-wildcards", |asked| {
        asked.rewrite_filter(|filter| Some(filter.replace(" LIKE '_", " LIKE '\\_")));
    }),
    Mutant::asks("a wildcard cannot be escaped", "like-minds-case-and-wildcards", |asked| {
        asked.rewrite_filter(|filter| filter.contains("LIKE").then(|| filter.replace("\\\\%", "%")));
    }),
    Mutant::asks("ILIKE knows case", "ilike-folds-ascii", |asked| {
        asked.rewrite_filter(|filter| Some(filter.replace(" ILIKE ", " LIKE ")));
    }),
    Mutant::asks("a list contains beginnings", "lists-are-tested-by-their-elements", |asked| {
        asked.rewrite_filter(|filter| {
            let value = filter.strip_prefix("tags = '")?.strip_suffix('\'')?;
            Some(format!("tags LIKE '{value}%'"))
        });
    }),
    Mutant::asks("OR is AND", "and-and-or-combine", |asked| {
        asked.rewrite_filter(|filter| Some(filter.replace(") OR (", ") AND (")));
    }),
    Mutant::asks("OR binds closer than AND", "and-and-or-combine", |asked| {
        asked.rewrite_filter(|filter| {
            let (either, and) = filter.split_once(" aNd ")?;
            Some(format!("({either}) AND {and}"))
        });
    }),
    Mutant::asks("any value of a label does", "labels-are-filtered", |asked| {
        asked.rewrite_filter(|filter| {
            let (label, _) = filter.split_once(" = ").filter(|_| filter.starts_with("labels."))?;
            Some(format!("{label} IS NOT NULL"))
        });
    }),
    Mutant::asks("the kind of a custom property is not minded", "custom-properties-are-filtered", |asked| {
        asked.rewrite_filter(|filter| {
            filter.strip_suffix(".int_value IS NULL").map(|key| format!("{key} IS NULL"))
        });
    }),
    Mutant::answers(
        "a filtered total counts the whole list",
        "filtered-total-is-counted",
        |asked, answered| {
            if asked.get("filterQuery").is_some() && asked.has("includeTotal", "true") {
                answered.edit(|json| json["totalSize"] = 29.into());
            }
        },
    ),
    Mutant::asks_again(
        "a filter that is none is ignored",
        "malformed-filter-is-refused",
        |asked, answered| answered.is("invalid_filter").then(|| asked.without(&["filterQuery"])),
        as_it_is,
    ),
    Mutant::answers("the position of a fault is not told", "malformed-filter-is-refused", |_, answered| {
        answered.edit(|json| drop(json.as_object_mut().and_then(|json| json.remove("errors"))));
    }),
    Mutant::asks_again(
        "a filter may be as long as it likes",
        "filter-beyond-limits-is-refused",
        |asked, answered| forgiven(asked, answered, "xxxxxxxx"),
        as_it_is,
    ),
    Mutant::asks_again(
        "an undeclared field is ignored",
        "undeclared-field-is-refused",
        |asked, answered| forgiven(asked, answered, "readme"),
        as_it_is,
    ),
    Mutant::asks_again(
        "a number is compared with a text",
        "value-of-another-type-is-refused",
        |asked, answered| forgiven(asked, answered, "= 5"),
        as_it_is,
    ),
    Mutant::asks_again(
        "SQL is let through",
        "injection-has-no-effect",
        |asked, answered| forgiven(asked, answered, "1=1"),
        as_it_is,
    ),
    Mutant::asks("a quote ends a value", "injection-has-no-effect", |asked| {
        asked.rewrite_filter(|filter| {
            filter
                .strip_prefix("name = '''")?
                .contains("OR")
                .then(|| "name = '' OR '1' = '1'".replace("'1' = '1'", "name IS NOT NULL"))
        });
    }),
];
