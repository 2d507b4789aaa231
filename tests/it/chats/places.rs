//! Where customers come from: through a load balancer, by a database of places.

use serde_json::{Value, json};

use crate::support::{FORWARDED_FOR, Plan, TestNode, places, shared};

fn page() -> Value {
    json!({ "customer_page": { "url": "https://shop.example/", "title": "Shop" } })
}

#[tokio::test]
async fn a_balancer_that_is_named_is_believed_and_the_place_is_looked_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("places.mmdb");
    let name = |name: &str| json!({ "names": { "en": name } });
    let record = json!({
        "city": name("Kraków"),
        "country": { "iso_code": "PL", "names": { "en": "Poland" } },
        "location": { "latitude": 50.0614, "longitude": 19.9366, "time_zone": "Europe/Warsaw" },
        "subdivisions": [name("Lesser Poland")],
    });
    places::write(&database, FORWARDED_FOR.parse().expect("an address"), &record);
    let path = database.display().to_string();
    let settings = [("server.trusted_proxies", "10.0.0.0/8, 127.0.0.1"), ("geo.database", &*path)];
    let node = TestNode::with(&settings, Plan::default()).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    agent.call("subscribe_customers", json!({})).await;
    let customer = license.customer().await.logs_in_with(page()).await;
    let place = json!({
        "latitude": "50.0614", "longitude": "19.9366", "country": "Poland", "country_code": "PL",
        "region": "Lesser Poland", "city": "Kraków", "timezone": "Europe/Warsaw",
    });
    let came = agent.expect_push("incoming_customer", |push| push["id"] == customer.id()).await;
    assert_eq!((&came["visit"]["ip"], &came["visit"]["geolocation"]), (&json!(FORWARDED_FOR), &place));
    let chat = customer.starts_chat("Hello").await;
    let thread = agent.call("get_chat", json!({ "chat_id": chat.id })).await;
    assert_eq!(thread["thread"]["customer_visit"]["geolocation"], place);
    assert_eq!(thread["thread"]["customer_visit"]["ip"], FORWARDED_FOR);
    for (country, found) in [("PL", 1), ("FR", 0)] {
        let filters = json!({ "filters": { "customer_countries": { "values": [country] } } });
        let archived = agent.call("list_archives", filters).await;
        assert_eq!(archived["found_chats"], found, "{country}");
    }
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    agent.call("subscribe_customers", json!({})).await;
    let customer = license.customer().await.logs_in_with(page()).await;
    let came = agent.expect_push("incoming_customer", |push| push["id"] == customer.id()).await;
    assert_eq!((&came["visit"]["ip"], &came["visit"]["geolocation"]), (&json!("127.0.0.1"), &Value::Null));
}
