//! The pages for browsers: the agents' console (`/`) and the customer page (`/widget`).
//!
//! The files of `assets/` are part of the binary; nothing is fetched from elsewhere at run time. `edge` serves them by
//! [`page`] and [`asset`] with [`CONTENT_SECURITY_POLICY`]. The pages speak the public RTM protocol and nothing
//! private, so this room knows no other room. A build without optimisation reads the files at run time instead, so that a
//! change to a page shows at the next reload.

use std::borrow::Cow;

#[derive(rust_embed::Embed)]
#[folder = "src/web/assets/"]
struct Assets;

/// What the pages may do: load and connect to their own server only, no inline script or style, and no way to
/// turn text into markup.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'self'; object-src 'none'; require-trusted-types-for 'script'";

/// One file as a browser gets it.
#[derive(Debug)]
pub struct Asset {
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// The file.
    pub body: Cow<'static, [u8]>,
    /// Value of `ETag`, quotes included: changes with the file and with nothing else.
    pub etag: String,
}

/// A page by its path: `/` and `/widget`.
pub fn page(path: &str) -> Option<Asset> {
    match path {
        "/" => asset("console.html"),
        "/widget" => asset("widget.html"),
        _ => None,
    }
}

/// A file by its path below `/assets/`. Anything else, tricks with the path included, is `None`.
pub fn asset(path: &str) -> Option<Asset> {
    let content_type = content_type(path)?;
    if !Assets::iter().any(|known| known == path) {
        return None;
    }
    let file = Assets::get(path)?;
    let etag =
        file.metadata.sha256_hash().iter().fold(String::from("\""), |etag, byte| format!("{etag}{byte:02x}"));
    Some(Asset { content_type, body: file.data, etag: etag + "\"" })
}

fn content_type(path: &str) -> Option<&'static str> {
    match path.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_has_a_content_type() {
        for path in Assets::iter() {
            assert!(asset(&path).is_some(), "{path} has no content type");
        }
    }

    #[test]
    fn both_pages_exist_and_no_other() {
        assert_eq!(page("/").map(|page| page.content_type), Some("text/html; charset=utf-8"));
        assert!(page("/widget").is_some());
        assert!(page("/console.html").is_none());
    }

    #[test]
    fn paths_that_leave_the_folder_are_unknown() {
        for path in
            ["../mod.rs", "/etc/passwd", "shared/../console.html", "shared//dom.js", "", ".", "shared"]
        {
            assert!(asset(path).is_none(), "{path:?} gives a file");
        }
    }

    /// Every file that a page or a module names is there, and nothing is named that lies elsewhere.
    #[test]
    fn pages_and_modules_name_only_files_that_exist() {
        let mut checked = 0;
        for path in Assets::iter() {
            let file = asset(&path).expect("listed");
            let text = String::from_utf8(file.body.into_owned()).expect("assets are text");
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            for named in named_files(&path, &text) {
                let target = resolve(folder, &named);
                assert!(asset(&target).is_some(), "{path} names {named}, which is no asset");
                checked += 1;
            }
        }
        assert!(checked > 20, "only {checked} references were found: the test looks for the wrong thing");
    }

    #[test]
    fn pages_hold_no_inline_script_style_or_handler() {
        for path in Assets::iter().filter(|path| path.ends_with(".html")) {
            let file = asset(&path).expect("listed");
            let html = String::from_utf8(file.body.into_owned()).expect("assets are text");
            assert!(!html.contains("<style") && !html.contains(" style="), "{path} has inline style");
            for handler in [" onclick=", " onload=", " onerror=", " onsubmit=", " oninput=", " onkeydown="] {
                assert!(!html.contains(handler), "{path} has an inline handler");
            }
            for script in html.split("<script").skip(1) {
                assert!(
                    script.contains("src=\"") && script.contains("></script>"),
                    "{path} has an inline script"
                );
            }
        }
    }

    #[test]
    fn no_module_turns_text_into_markup() {
        for path in Assets::iter().filter(|path| path.ends_with(".js")) {
            let file = asset(&path).expect("listed");
            let text = String::from_utf8(file.body.into_owned()).expect("assets are text");
            for sink in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
            {
                assert!(!text.contains(sink), "{path} uses {sink}");
            }
        }
    }

    fn named_files(path: &str, text: &str) -> Vec<String> {
        let marks: &[&str] = if path.ends_with(".html") { &["href=\"", "src=\""] } else { &[" from \""] };
        let mut named = Vec::new();
        for mark in marks {
            for rest in text.split(mark).skip(1) {
                let name = rest.split('"').next().expect("split gives at least one part");
                if !name.starts_with('#') {
                    named.push(name.to_owned());
                }
            }
        }
        named
    }

    fn resolve(folder: &str, named: &str) -> String {
        if let Some(absolute) = named.strip_prefix("/assets/") {
            return absolute.to_owned();
        }
        let mut parts: Vec<&str> = folder.split('/').collect();
        for part in named.split('/') {
            match part {
                "." => {}
                ".." => {
                    parts.pop();
                }
                name => parts.push(name),
            }
        }
        parts.join("/")
    }
}
