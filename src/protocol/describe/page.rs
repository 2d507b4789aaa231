//! The same for people: one page.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::outline::{Line, escaped, lines};
use super::{VERSION, beyond, scopes_in_words, structures};
use crate::protocol::method::{self, HttpMethod, Method};
use crate::protocol::version::Surface;
use crate::protocol::view::PUSHES;

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Switchboard API</title><style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, td:first-child { font-family: ui-monospace, monospace }
section { border-top: 1px solid #8886; padding: .5rem 0 }
table { border-collapse: collapse } td, th { text-align: left; padding: .1rem 1.5rem .1rem 0; vertical-align: top }
h3 { margin: .5rem 0 } p { margin: .3rem 0 } nav a { margin-right: .8rem; white-space: nowrap }
</style></head><body><h1>Switchboard API</h1>
"#;

/// Every method with its parameters and its answer, every push, and the structures in them. All that is written comes from tables of this program.
pub fn page() -> String {
    let mut html = HEAD.to_owned();
    let _ = writeln!(
        html,
        "<p>Version {VERSION}. For programs: <a href=\"/openapi.json\">OpenAPI</a> of the Web API, \
         <a href=\"/asyncapi.json\">AsyncAPI</a> of the websockets.</p>"
    );
    for (surface, title) in [(Surface::Agent, "Agent Chat API"), (Surface::Customer, "Customer Chat API")] {
        let name = surface.as_str();
        let methods = || method::all().filter(move |method| method.surface == surface);
        let _ = write!(
            html,
            "<h2 id=\"{name}\">{title}</h2><p>Websocket: <code>/v{VERSION}/{name}/rtm/ws</code></p><nav>"
        );
        for method in methods() {
            let _ = write!(html, "<a href=\"#{name}.{0}\">{0}</a> ", method.action);
        }
        html.push_str("</nav>\n");
        methods().for_each(|method| section(&mut html, method));
        let pushes = || PUSHES.iter().filter(move |(of, _)| *of == surface).map(|(_, push)| *push);
        for push in pushes() {
            let _ = write!(html, "<section id=\"{name}.{push}.push\"><h3>{push}</h3><p>A push.</p>");
            table(&mut html, "tells", &lines(structures::push(surface, push)));
            html.push_str("</section>\n");
        }
        let answers = methods().map(|method| structures::answer(surface, method.action));
        let told: Vec<&Value> = answers.chain(pushes().map(|push| structures::push(surface, push))).collect();
        for (structure, schema) in structures::components(&json!(told)) {
            let Some((_, title)) = structure.split_once('.') else { continue };
            let (structure, title) = (escaped(&structure), escaped(title));
            let _ = write!(html, "<section id=\"{structure}\"><h3>{title}</h3><p>A structure.</p>");
            table(&mut html, "key", &lines(&schema));
            html.push_str("</section>\n");
        }
    }
    html.push_str("</body></html>\n");
    html
}

fn section(html: &mut String, method: &Method) {
    let (name, action) = (method.surface.as_str(), method.action);
    let _ = write!(html, "<section id=\"{name}.{action}\"><h3>{action}</h3><p>");
    if method.web {
        let verb = match method.http {
            HttpMethod::Get => "GET",
            HttpMethod::Post => "POST",
        };
        let _ = write!(html, "<code>{verb} /v{VERSION}/{name}/action/{action}</code> ");
    }
    let ways = match (method.rtm, method.web) {
        (true, true) => "and by websocket.",
        (true, false) => "By websocket only.",
        _ => "",
    };
    let _ = write!(html, "{ways} {}</p>", scopes_in_words(method.scopes).unwrap_or_default());
    if !method.params.is_empty() {
        html.push_str("<table><tr><th>parameter</th><th>type</th><th></th></tr>");
        for param in method.params {
            let shown = param.name.replace('<', "&lt;").replace('>', "&gt;");
            let required = if param.required { "required" } else { "" };
            let _ =
                write!(html, "<tr><td>{shown}</td><td>{}</td><td>{required}</td></tr>", param.kind.as_str());
        }
        html.push_str("</table>");
    }
    let mut answer = structures::answer(method.surface, action).clone();
    if action == "login" {
        beyond::add_to_login_answer(&mut answer);
        html.push_str(
            "<p>Beyond the protocol: <code>resume</code> (string) asks that the session can be resumed; only then the \
             answer has <code>resume</code>.</p>",
        );
    }
    if beyond::takes_welcome(method) {
        html.push_str(
            "<p>Beyond the protocol: <code>welcome_message_id</code> (string) names the welcome that came last; the thread \
             begins with it.</p>",
        );
    }
    table(html, "answer", &lines(&answer));
    if !method.pushes.is_empty() {
        // Some are told to the other side alone.
        let told_to = |push: &str| {
            let is_own = PUSHES.contains(&(method.surface, push));
            PUSHES.iter().find(|(of, told)| *told == push && (!is_own || *of == method.surface))
        };
        let link = |push: &&str| match told_to(push) {
            Some((of, _)) => format!("<a href=\"#{}.{push}.push\">{push}</a>", of.as_str()),
            None => (*push).to_owned(),
        };
        let pushes: Vec<String> = method.pushes.iter().map(link).collect();
        let _ = write!(html, "<p>Pushes: {}.</p>", pushes.join(", "));
    }
    html.push_str("</section>\n");
}

/// What stands in a payload; nothing where nothing does.
fn table(html: &mut String, title: &str, lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(html, "<table><tr><th>{title}</th><th>type</th><th></th></tr>");
    for Line { path, kind, required } in lines {
        let required = if *required { "always" } else { "" };
        let _ = write!(html, "<tr><td>{path}</td><td>{kind}</td><td>{required}</td></tr>");
    }
    html.push_str("</table>");
}
