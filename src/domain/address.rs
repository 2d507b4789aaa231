//! Addresses that one side writes and the other's browser opens.

use url::Url;

use super::rejection::Rejection;

/// Schemes of addresses that name no place but hold what is shown, or run.
const CONTENTS: [&str; 5] = ["javascript", "vbscript", "data", "blob", "filesystem"];

/// Refuses an address by which a browser would run, or show as a page, what its writer put into it. It is read as browsers do,
/// which pass over blanks before it and line breaks within. What is no address at all harms nobody.
///
/// # Errors
/// [`Rejection::Validation`] naming the field.
pub(super) fn check_address(field: &'static str, address: &str) -> Result<(), Rejection> {
    match Url::parse(address) {
        Ok(url) if CONTENTS.contains(&url.scheme()) => Err(Rejection::validation(
            field,
            format!("must not be an address of the scheme {}", url.scheme()),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_would_run_is_no_address() {
        for bad in [
            "javascript:alert(1)",
            "JavaScript://x.example/%0aalert(1)",
            " \u{1}javascript:alert(1)",
            "java\nscript\t:alert(1)",
            "vbscript:x",
            "data:text/html,<script>alert(1)</script>",
            "data:image/png;base64,iVBORw0KGgo=",
            "blob:https://x.example/0affb00a-82d6-4e07-ae61-56ba5c36f743",
            "filesystem:https://x.example/temporary/a.html",
        ] {
            assert!(check_address("url", bad).is_err(), "{bad:?}");
        }
        for fine in [
            "https://x.example/a.png?next=javascript:alert(1)",
            "http://x.example",
            "//x.example/a.png",
            "cdn.x.example/a.png",
            "/javascript:alert(1)",
            "mailto:support@x.example",
            "tel:+14155552671",
            "myapp://open/7",
            "Order: 7",
            "javascript",
            "",
        ] {
            assert!(check_address("url", fine).is_ok(), "{fine:?}");
        }
    }
}
