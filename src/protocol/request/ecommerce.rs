//! Products in rich messages of the template `ecommerce`, and what somebody chose of one. They are carried as documents, which
//! hold what the protocol's tables name and nothing else.

use serde::{Deserialize, Serialize};

use super::value::Object;
use crate::domain::event::Json;

/// The product of an element.
#[derive(Serialize, Deserialize)]
pub(super) struct Product {
    view_type: ViewType,
    product_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Vec<Object<Choice>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    addons: Option<Vec<Object<Addon>>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ViewType {
    Tags,
    Swatch,
    Images,
    Select,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Choice {
    option_id: String,
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regular_price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_thumbnail_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    selected: Option<bool>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Addon {
    addon_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    range_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
}

/// What was chosen of a product.
#[derive(Serialize, Deserialize)]
pub(super) struct Chosen {
    product_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    option_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<i64>,
}

/// As the document that is carried.
pub(super) fn document(value: &impl Serialize) -> Option<Json> {
    serde_json::value::to_raw_value(value).ok().map(Json)
}
