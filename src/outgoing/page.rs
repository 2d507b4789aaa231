//! What a page says of itself.

use html5gum::{HtmlString, StartTag, Token, Tokenizer};

/// Bytes of a title or a description; what is longer is cut off.
const MAX_TEXT: usize = 1_024;
/// Bytes of an address; a longer one is none.
const MAX_ADDRESS: usize = 2_048;

/// What a page says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageInfo {
    /// `og:title`, else the title.
    pub title: Option<String>,
    /// `og:description`, else the description.
    pub description: Option<String>,
    /// `og:image`, as it is written there.
    pub image: Option<String>,
}

/// Reads the beginning of a page. `content_type` is its host's word for it; none for what is no page.
pub fn describe(bytes: &[u8], content_type: &str) -> Option<PageInfo> {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !matches!(kind.as_str(), "text/html" | "application/xhtml+xml") {
        return None;
    }
    let label = content_type.split(';').skip(1).find_map(|part| part.trim().strip_prefix("charset="));
    let encoding = label
        .and_then(|label| encoding_rs::Encoding::for_label(label.trim_matches('"').as_bytes()))
        .unwrap_or(encoding_rs::UTF_8);
    let (text, _, _) = encoding.decode(bytes);
    let mut own = PageInfo::default();
    let mut shared = PageInfo::default();
    let mut in_title = false;
    for token in Tokenizer::new(&*text) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) if *tag.name == *b"title" => in_title = own.title.is_none(),
            Token::StartTag(tag) if *tag.name == *b"meta" => meta(&tag, &mut own, &mut shared),
            Token::StartTag(tag) if *tag.name == *b"body" => break,
            Token::String(text) if in_title => own.title = text_of(&text),
            Token::EndTag(tag) if *tag.name == *b"title" => in_title = false,
            _ => {}
        }
    }
    Some(PageInfo {
        title: shared.title.or(own.title),
        description: shared.description.or(own.description),
        image: shared.image,
    })
}

fn meta(tag: &StartTag<()>, own: &mut PageInfo, shared: &mut PageInfo) {
    let value = |name: &[u8]| tag.attributes.get(name).map(|value| &value.value);
    let Some(name) = value(b"property").or_else(|| value(b"name")) else { return };
    let Some(content) = value(b"content") else { return };
    match name.to_ascii_lowercase().as_slice() {
        b"og:title" => shared.title = shared.title.take().or_else(|| text_of(content)),
        b"og:description" => shared.description = shared.description.take().or_else(|| text_of(content)),
        b"description" => own.description = own.description.take().or_else(|| text_of(content)),
        b"og:image" | b"og:image:url" | b"og:image:secure_url" => {
            let address = text_of(content).filter(|address| address.len() <= MAX_ADDRESS);
            shared.image = shared.image.take().or(address);
        }
        _ => {}
    }
}

/// One line, without the space around it; none if nothing is left.
fn text_of(raw: &HtmlString) -> Option<String> {
    let text = String::from_utf8_lossy(raw);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.get(..line.floor_char_boundary(MAX_TEXT.max(MAX_ADDRESS + 1).min(line.len())))?;
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> PageInfo {
        describe(html.as_bytes(), "text/html; charset=utf-8").expect("a page")
    }

    #[test]
    fn what_is_meant_for_sharing_comes_first() {
        let page = read(
            r#"<!doctype html><html><head><title> Own &amp;
              title </title><meta name=description content="own"><meta property="og:title" content="Shared &lt;1&gt;">
              <META PROPERTY="OG:image" CONTENT="/a.png?x=1&amp;y=2"></head><body><meta name="og:description" content="no">"#,
        );
        assert_eq!(page.title.as_deref(), Some("Shared <1>"));
        assert_eq!(page.description.as_deref(), Some("own"));
        assert_eq!(page.image.as_deref(), Some("/a.png?x=1&y=2"));
        assert_eq!(read("<title> Own &amp;\n title </title>").title.as_deref(), Some("Own & title"));
    }

    #[test]
    fn a_page_may_say_nothing_and_other_documents_are_no_pages() {
        assert_eq!(read("<p>hello"), PageInfo::default());
        assert_eq!(describe(b"<title>x</title>", "application/json"), None);
        assert_eq!(describe(b"", ""), None);
    }

    #[test]
    fn other_encodings_are_read() {
        let page = describe(b"<title>caf\xe9</title>", "text/html; charset=ISO-8859-1").expect("a page");
        assert_eq!(page.title.as_deref(), Some("café"));
    }
}
