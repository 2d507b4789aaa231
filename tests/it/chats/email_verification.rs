//! `request_email_verification`: mails by a real SMTP conversation, links that are followed, callbacks that come.

use serde_json::{Value, json};

use crate::support::{Callee, FULL, MailServer, NOBODY, Plan, TestNode, eventually, shared};

const FROM: &str = "Shop <shop@shop.example>";

async fn node_with(mail: &MailServer, more: &[(&str, &str)]) -> TestNode {
    let relay = mail.address();
    let mut settings = vec![
        ("outgoing.allow_private", "true"),
        ("mail.relay", relay.as_str()),
        ("mail.tls", "off"),
        ("mail.from", FROM),
    ];
    settings.extend_from_slice(more);
    TestNode::with(&settings, Plan { licenses: 2, ..Plan::default() }).await
}

/// Opens a link, and presses its button or not.
async fn opens(link: &str, presses: bool) -> (u16, String) {
    let client = reqwest::Client::new();
    let request = if presses { client.post(link) } else { client.get(link) };
    let answer = request.send().await.expect("an answer");
    let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
    assert!(header("content-security-policy").starts_with("default-src 'none'"));
    assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
    assert_eq!(
        (header("cache-control"), header("referrer-policy")),
        ("no-store".into(), "no-referrer".into())
    );
    assert_eq!(header("x-content-type-options"), "nosniff");
    (answer.status().as_u16(), answer.text().await.expect("a page"))
}

fn is_verified(push: &Value) -> bool {
    push["email_verified"] == true
}

#[tokio::test]
async fn a_customer_proves_their_address_by_the_link_of_a_mail() {
    let (mail, callee) = (MailServer::start(None), Callee::start());
    let node = node_with(&mail, &[]).await;
    let license = node.license();
    let member = license.agent(1).logs_in().await;
    let watcher = license.agent(3).logs_in_away().await;
    watcher.call("subscribe_customers", json!({})).await;
    let customer =
        license.customer().await.logs_in_with(json!({ "customer": { "email": "ann@mail.example" } })).await;
    let chat = customer.starts_chat("hello").await;
    for path in ["/first", "/second"] {
        let asked = json!({ "callback_uri": callee.url(path) });
        assert_eq!(customer.web.call("request_email_verification", asked).await, json!({}));
    }
    let (first, second) = (mail.take(), mail.take());
    assert_eq!((first.from.as_str(), first.hello.as_str()), ("shop@shop.example", "shop.example"));
    assert_eq!(first.to, ["ann@mail.example"]);
    assert_eq!((first.header("To"), first.header("From")), ("ann@mail.example", FROM));
    assert_eq!(first.header("Auto-Submitted"), "auto-generated");
    assert!(first.link().starts_with(&format!("{}/verify-email/", node.base())), "{}", first.text);
    assert_eq!(opens(first.link(), false).await.0, 200);
    let shown = customer.call("get_customer", json!({})).await;
    assert_eq!(shown["email_verified"], false, "looking is not confirming");
    assert!(callee.calls().is_empty());
    let (status, page) = opens(second.link(), true).await;
    assert!(status == 200 && page.contains("is confirmed"), "{status} {page}");
    for session in [&customer.session, &member.session, &watcher.session] {
        let push = session.expect_push("customer_updated", is_verified).await;
        let expected = json!({ "id": customer.id(), "type": "customer", "email_verified": true });
        assert_eq!(push, expected, "nothing else changed");
    }
    let users = member.reads(&chat).await;
    assert!(users["users"].as_array().expect("users").iter().any(is_verified), "{users}");
    assert_eq!(member.call("get_customer", json!({ "id": customer.id() })).await["email_verified"], true);
    let mut calls = eventually("both callbacks", async || {
        let calls = callee.calls();
        if calls.len() == 2 { Ok(calls) } else { Err(format!("{calls:?}")) }
    })
    .await;
    calls.sort();
    let body = json!({ "email": "ann@mail.example" }).to_string();
    assert_eq!(calls, [("POST /first".to_owned(), body.clone()), ("POST /second".to_owned(), body.clone())]);
    for mail in [&first, &second] {
        assert_eq!(opens(mail.link(), true).await.0, 200, "once more does no harm");
    }
    // Who is verified already is told of at once.
    customer.web.call("request_email_verification", json!({ "callback_uri": callee.url("/third") })).await;
    assert_eq!(callee.calls().len(), 3, "the links that were used called nobody again");
    assert_eq!(callee.calls()[2], ("POST /third".to_owned(), body));
    assert!(mail.mails().is_empty());
    // Another address, and the same one again, are to be proven anew.
    for (email, told) in [("bea@mail.example", json!(false)), ("ann@mail.example", Value::Null)] {
        customer.call("update_customer", json!({ "email": email })).await;
        let push = customer.expect_push("customer_updated", |push| push["email"] == email).await;
        assert_eq!(push["email_verified"], told, "told when it changes");
        let (status, page) = opens(first.link(), true).await;
        assert!(status == 404 && page.contains("no longer good"), "{status} {page}");
        assert_eq!(customer.call("get_customer", json!({})).await["email_verified"], false);
    }
}

#[tokio::test]
async fn a_link_that_this_server_did_not_make_proves_nothing() {
    let (mail, callee) = (MailServer::start(None), Callee::start());
    let node = node_with(&mail, &[]).await;
    let (license, other) = (node.license(), node.license());
    let mut links = Vec::new();
    for license in [&license, &other] {
        let customer = license.customer().await.logs_in().await;
        customer.call("update_customer", json!({ "email": "ann@mail.example" })).await;
        customer.web.call("request_email_verification", json!({ "callback_uri": callee.url("/") })).await;
        links.push((customer, mail.take().link().to_owned()));
    }
    let (base, token) = links[0].1.rsplit_once('/').expect("a token");
    let middle = token.len() / 2;
    let other_letter = if token.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let changed = format!("{base}/{}{other_letter}{}", &token[..middle], &token[middle + 1..]);
    for bad in [changed, format!("{base}/x"), format!("{base}/{}", &token[..token.len() - 4])] {
        for presses in [false, true] {
            assert_eq!(opens(&bad, presses).await.0, 404, "{bad}");
        }
    }
    // A page's id is signed by the same key, for something else.
    let (customer, link) = &links[1];
    assert_eq!(opens(link, true).await.0, 200);
    customer.expect_push("customer_updated", is_verified).await;
    let shown = links[0].0.call("get_customer", json!({})).await;
    assert_eq!(shown["email_verified"], false, "the other license's customer is somebody else");
    let refused = customer.refused("list_chats", json!({ "page_id": token })).await;
    assert_eq!(refused.kind, "validation");
}

#[tokio::test]
async fn nobody_is_written_to_who_must_not_be() {
    let (mail, callee) = (MailServer::start(None), Callee::start());
    let node = node_with(&mail, &[]).await;
    let license = node.license();
    let customer = license.customer().await.logs_in().await;
    let good = json!({ "callback_uri": callee.url("/") });
    let refused = customer.web.refused("request_email_verification", good.clone()).await;
    assert!(refused.kind == "validation" && refused.message.contains("email"), "{refused:?}");
    for email in [
        "ann@mail.example\r\nBcc: bea@mail.example",
        "ann@mail.example, bea@mail.example",
        "Ann <ann@mail.example>",
        "ann@mail.example>\r\nRCPT TO:<bea@mail.example",
        "nonsense",
    ] {
        customer.call("update_customer", json!({ "email": email })).await;
        let refused = customer.web.refused("request_email_verification", good.clone()).await;
        assert!(refused.kind == "validation" && refused.message.contains("email"), "{email}: {refused:?}");
    }
    for (email, kind) in [(NOBODY, "validation"), (FULL, "service_unavailable")] {
        let customer = license.customer().await.logs_in().await;
        customer.call("update_customer", json!({ "email": email })).await;
        let refused = customer.web.refused("request_email_verification", good.clone()).await;
        assert_eq!(refused.kind, kind, "{email}");
    }
    for callback in ["", "nonsense", "ftp://a.example", "file:///etc/passwd"] {
        let bad = json!({ "callback_uri": callback });
        let refused = customer.web.refused("request_email_verification", bad).await;
        assert!(refused.kind == "validation" && refused.message.contains("callback_uri"), "{refused:?}");
    }
    assert!(mail.mails().is_empty());
}

#[tokio::test]
async fn nobodys_mailbox_is_flooded() {
    let (mail, callee) = (MailServer::start(None), Callee::start());
    let node = node_with(&mail, &[]).await;
    let license = node.license();
    let asked = json!({ "callback_uri": callee.url("/") });
    let asks = async |email: &str, times: usize| {
        let customer = license.customer().await.logs_in().await;
        customer.call("update_customer", json!({ "email": email })).await;
        for _ in 0..times {
            customer.web.call("request_email_verification", asked.clone()).await;
        }
        customer
    };
    // A customer who keeps asking, for whatever address.
    let customer = asks("ann@mail.example", 3).await;
    for email in ["ann@mail.example", "bea@mail.example"] {
        customer.call("update_customer", json!({ "email": email })).await;
        let refused = customer.web.refused("request_email_verification", asked.clone()).await;
        assert_eq!(refused.kind, "too_many_requests", "{email}");
    }
    // Several customers with the same address.
    let other = asks("Ann@mail.example", 0).await;
    let refused = other.web.refused("request_email_verification", asked.clone()).await;
    assert_eq!(refused.kind, "too_many_requests");
    asks("bea@mail.example", 1).await;
    assert_eq!(mail.mails().len(), 4);
    // What was refused calls nobody.
    let link = mail.take();
    assert_eq!(opens(link.link(), true).await.0, 404, "the customer has another address now");
    assert!(callee.calls().is_empty());
}

#[tokio::test]
async fn without_a_relay_and_to_private_addresses_nothing_goes_out() {
    let license = shared().await.license();
    let customer = license.customer().await.logs_in().await;
    customer.call("update_customer", json!({ "email": "ann@mail.example" })).await;
    let asked = json!({ "callback_uri": "https://shop.example/verified" });
    let refused = customer.web.refused("request_email_verification", asked).await;
    assert_eq!(
        (refused.kind.as_str(), refused.message.as_str()),
        ("not_allowed", "this server sends no mail")
    );
    let private = json!({ "callback_uri": "http://169.254.169.254/latest" });
    let refused = customer.web.refused("request_email_verification", private).await;
    assert!(refused.kind == "validation" && refused.message.contains("not public"), "{refused:?}");
}

#[tokio::test]
async fn the_way_to_the_relay_is_secret_or_not_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).expect("written");
    crate::support::install_crypto();
    let key = made.signing_key.serialize_der().try_into().expect("a key");
    let tls = rustls::ServerConfig::builder().with_no_client_auth();
    let tls = tls.with_single_cert(vec![made.cert.der().clone()], key).expect("TLS");
    let (secret, plain) = (MailServer::start(Some(tls)), MailServer::start(None));
    let relay = format!("localhost:{}", secret.port());
    let ca = ca.to_string_lossy().into_owned();
    let by_tls = [
        ("mail.relay", relay.as_str()),
        ("mail.tls", "tls"),
        ("mail.user", "shop"),
        ("mail.password", "a-secret-that-stands-in-no-log"),
    ];
    let trusting: Vec<_> = by_tls.iter().copied().chain([("mail.tls_ca", ca.as_str())]).collect();
    let callee = Callee::start();
    for (settings, goes) in
        [(trusting.as_slice(), true), (&by_tls, false), (&[("mail.tls", "starttls")], false)]
    {
        let node = node_with(&plain, settings).await;
        let customer = node.license().customer().await.logs_in().await;
        customer.call("update_customer", json!({ "email": "ann@mail.example" })).await;
        let asked = json!({ "callback_uri": callee.url("/") });
        let answer = customer.web.ask("request_email_verification", asked).await;
        if goes {
            assert!(answer.is_ok(), "{answer:?}");
            let mail = secret.take();
            // NUL shop NUL the password, in base64.
            let login = "PLAIN AHNob3AAYS1zZWNyZXQtdGhhdC1zdGFuZHMtaW4tbm8tbG9n";
            assert_eq!(mail.login.as_deref(), Some(login));
        } else {
            assert!(answer.is_err_and(|error| error.kind == "service_unavailable"), "{settings:?}");
        }
        assert!(!node.link().log().contains("stands-in-no-log"));
    }
    assert!(secret.mails().is_empty() && plain.mails().is_empty());
}
