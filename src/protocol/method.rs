//! The table of methods: what there is, on which transport, under which scopes, with which parameters.
//!
//! It is data. The web routes, the scope check and the naming of wrong parameters are all driven by it, and a
//! test (`tests/protocol_tables.rs`) compares it with the protocol's own tables.

mod agent;
mod customer;

use super::version::Surface;

/// One method of one surface.
#[derive(Debug)]
pub struct Method {
    /// Its name.
    pub action: &'static str,
    /// Where.
    pub surface: Surface,
    /// Callable over a websocket.
    pub rtm: bool,
    /// Callable over HTTP.
    pub web: bool,
    /// The documented verb of the web call.
    pub http: HttpMethod,
    /// What the token must hold.
    pub scopes: Scopes,
    /// What the payload may hold.
    pub params: &'static [Param],
    /// What it makes the server tell.
    pub pushes: &'static [&'static str],
}

impl Method {
    /// Must the caller show a token? What customers' pages read before they have one is all that is called by GET.
    pub fn needs_token(&self) -> bool {
        self.surface == Surface::Agent || self.http == HttpMethod::Post
    }

    /// Do the headers of a request by HTTP renew what is known of the customer's browser and of where they came from? (Rule of
    /// `set_customer_session_fields`.)
    pub fn renews_visit(&self) -> bool {
        self.action == "set_customer_session_fields"
    }

    /// The parameter of that name.
    pub fn param(&self, name: &str) -> Option<&'static Param> {
        self.params.iter().find(|param| param.name == name)
    }
}

/// The verb of a web call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are HTTP's")]
pub enum HttpMethod {
    Get,
    Post,
}

/// How a method's scopes are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// None is needed. Customers' tokens have none at all.
    None,
    /// One of these suffices.
    Any(&'static [&'static str]),
    /// Each of these is needed.
    All(&'static [&'static str]),
    /// None is needed; each unlocks a family of pushes.
    PerPushFamily(&'static [&'static str]),
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Dotted path, as in the table.
    pub name: &'static str,
    /// The type of its value.
    pub kind: ParamKind,
    /// Must be there whenever its parent is.
    pub required: bool,
}

/// The types of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// Text.
    String,
    /// Whole number.
    Int,
    /// Truth value.
    Bool,
    /// Object whose inside has rows of its own, or is free.
    Object,
    /// Object, or array of objects.
    ObjectOrObjects,
    /// Object of texts.
    StringMap,
    /// Array of texts.
    Strings,
    /// Array of whole numbers.
    Ints,
    /// Array of whole numbers or of texts.
    IntsOrStrings,
    /// Array of property values.
    Values,
    /// One event.
    Event,
    /// Array of events.
    Events,
    /// Array of users.
    Users,
    /// Array of one-key objects of texts.
    SessionFields,
    /// Any JSON.
    Any,
    /// A part of a `multipart/form-data` body.
    Binary,
}

impl ParamKind {
    /// As messages name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Object | Self::Event => "object",
            Self::ObjectOrObjects => "object or array of objects",
            Self::StringMap => "object of strings",
            Self::Strings => "array of strings",
            Self::Ints => "array of ints",
            Self::IntsOrStrings => "array of ints or strings",
            Self::Values => "array of strings, ints or bools",
            Self::Events | Self::Users => "array of objects",
            Self::SessionFields => "array of objects with one string each",
            Self::Any => "any",
            Self::Binary => "binary",
        }
    }
}

const fn required(name: &'static str, kind: ParamKind) -> Param {
    Param { name, kind, required: true }
}

const fn optional(name: &'static str, kind: ParamKind) -> Param {
    Param { name, kind, required: false }
}

fn of(surface: Surface) -> &'static [Method] {
    match surface {
        Surface::Agent => agent::METHODS,
        Surface::Customer => customer::METHODS,
    }
}

/// The method, if the surface has it.
pub fn find(surface: Surface, action: &str) -> Option<&'static Method> {
    of(surface).iter().find(|method| method.action == action)
}

/// Every method of both surfaces.
pub fn all() -> impl Iterator<Item = &'static Method> {
    agent::METHODS.iter().chain(customer::METHODS)
}
