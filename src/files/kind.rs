//! What a file is, by its bytes; a client's word for it is not asked.

use infer::MatcherType;

/// What the bytes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) content_type: &'static str,
    /// Pixels: png, gif and jpeg only.
    pub(super) size: Option<(u32, u32)>,
}

/// Types whose size in pixels is told.
const MEASURED: [&str; 3] = ["image/png", "image/gif", "image/jpeg"];
/// Types that a browser may show by itself: pictures in which nothing runs.
const SHOWN: [&str; 4] = ["image/png", "image/gif", "image/jpeg", "image/webp"];

/// May a browser show it inside a page's frame, rather than save it?
pub fn is_shown_inline(content_type: &str) -> bool {
    SHOWN.contains(&content_type)
}

/// What the bytes are; none for a program.
pub(super) fn of(bytes: &[u8]) -> Option<Kind> {
    let known = infer::get(bytes);
    if let Some(known) = known {
        let is_certificate = known.mime_type() == "application/x-x509-ca-cert";
        if (known.matcher_type() == MatcherType::App && !is_certificate)
            || known.mime_type() == "text/x-shellscript"
        {
            return None;
        }
    }
    if bytes.starts_with(b"#!") || bytes.starts_with(b"MZ") {
        return None;
    }
    let is_text = || !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok();
    let content_type = match known {
        Some(known) => known.mime_type(),
        None if is_text() => "text/plain",
        None => "application/octet-stream",
    };
    let measured = MEASURED.contains(&content_type).then(|| imagesize::blob_size(bytes).ok()).flatten();
    let size = measured.and_then(|size| Some((size.width.try_into().ok()?, size.height.try_into().ok()?)));
    Some(Kind { content_type, size })
}
