//! Addresses that one side's browser opens and the other side wrote.

use serde_json::json;

use crate::support::shared;

#[tokio::test]
async fn addresses_that_a_browser_would_run_reach_nobody() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    agent.joins(&chat).await;
    let rich = |element| {
        let event = json!({ "type": "rich_message", "template_id": "cards", "elements": [element] });
        json!({ "chat_id": chat.id, "event": event })
    };
    let image = |url: &str| json!({ "image": { "url": url } });
    let button = |kind: &str, value: &str| {
        let button = json!({ "text": "b", "type": kind, "value": value, "postback_id": "p", "user_ids": [] });
        json!({ "buttons": [button] })
    };
    for session in [&agent.session, &customer.session] {
        for bad in
            ["javascript:alert(1)", " JAVA\nSCRIPT:alert(1)", "data:text/html,<script>alert(1)</script>"]
        {
            for (element, field) in [
                (image(bad), "`event.elements.image.url`"),
                (button("url", bad), "`event.elements.buttons.value`"),
                (button("webview", bad), "`event.elements.buttons.value`"),
            ] {
                let error = session.refused("send_event", rich(element)).await;
                assert_eq!(error.kind, "validation", "{bad}: {error:?}");
                assert!(error.message.contains(field), "{bad}: {error:?}");
            }
        }
        for fine in [
            image("https://x.example/a.png"),
            button("url", "https://x.example"),
            button("url", "mailto:support@x.example"),
            button("webview", "Order: 7"),
            button("message", "data: none"),
            button("phone", "790034890"),
        ] {
            session.call("send_event", rich(fine)).await;
        }
    }
    let error = customer.refused("update_customer", json!({ "avatar": "javascript:alert(1)" })).await;
    assert_eq!(error.kind, "validation");
    assert!(error.message.contains("`avatar`"), "{error:?}");
    customer.call("update_customer", json!({ "avatar": "https://x.example/me.png" })).await;
}
