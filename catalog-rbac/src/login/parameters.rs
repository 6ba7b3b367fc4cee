use catalog_core::problem::Problem;

/// What a provider sends back with a browser (RFC 6749, section 4.1.2; RFC 9207). Others are of no concern to us, and each of these
/// may be there once.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Parameters {
    pub(super) code: Option<String>,
    pub(super) state: Option<String>,
    pub(super) error: Option<String>,
    pub(super) error_description: Option<String>,
    pub(super) iss: Option<String>,
}

impl Parameters {
    pub(super) fn parse(query: &str) -> Result<Self, Problem> {
        let mut all = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match name.as_ref() {
                "code" => &mut all.code,
                "state" => &mut all.state,
                "error" => &mut all.error,
                "error_description" => &mut all.error_description,
                "iss" => &mut all.iss,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                let detail = format!("the parameter `{name}` is given twice");
                return Err(Problem::invalid_parameter(detail).with_parameter(&name));
            }
        }
        Ok(all)
    }

    /// Why the provider logs nobody in. Whoever made the link may have written what stands there, so of a code only its letters
    /// are told back, and of the words none.
    pub(super) fn refusal(&self) -> Option<Problem> {
        let error = self.error.as_deref()?;
        let description = self.error_description.as_deref().unwrap_or_default();
        let told: String = description.chars().take(256).collect();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        let code = if error.len() <= 64 && error.bytes().all(plain) { error } else { "unknown" };
        tracing::info!(code, description = told, "a provider logs nobody in");
        let detail = format!("the provider logs nobody in: `{code}`");
        Some(match code {
            "server_error" | "temporarily_unavailable" => {
                Problem::authenticator_unavailable(detail).with_retry_after(1)
            }
            _ => Problem::forbidden(detail),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_is_there_once_and_others_are_left_alone() {
        let all =
            Parameters::parse("code=a%2Bb&state=c+d&session_state=x&session_state=y&iss=https%3A%2F%2Fop")
                .unwrap();
        assert_eq!((all.code.as_deref(), all.state.as_deref()), (Some("a+b"), Some("c d")));
        assert_eq!(all.iss.as_deref(), Some("https://op"));
        for name in ["code", "state", "error", "error_description", "iss"] {
            let problem = Parameters::parse(&format!("{name}=a&{name}=a")).unwrap_err();
            assert_eq!(problem.code, "invalid_parameter", "{name}");
        }
    }

    #[test]
    fn nothing_that_was_written_into_a_link_is_told_back() {
        for (error, status, told) in [
            ("access_denied", 403, "`access_denied`"),
            ("temporarily_unavailable", 503, "`temporarily_unavailable`"),
            ("<script>alert(1)</script>", 403, "`unknown`"),
            ("call+0800+12345+now", 403, "`unknown`"),
        ] {
            let all = Parameters::parse(&format!("error={error}&error_description=call+now")).unwrap();
            let problem = all.refusal().unwrap();
            assert_eq!(problem.status, status, "{error}");
            assert!(problem.detail.ends_with(told), "{problem:?}");
        }
        assert_eq!(Parameters::parse("code=a").unwrap().refusal(), None);
    }
}
