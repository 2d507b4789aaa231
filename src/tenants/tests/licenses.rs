use std::os::unix::fs::PermissionsExt as _;

use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::*;
use crate::domain::id::{AgentId, GroupId, LicenseId, OrganizationId};
use crate::domain::license::{Client, Group, License, Settings};
use crate::domain::routing::GroupSettings;
use crate::domain::widget::{FormKind, Widget};
use crate::store::{Cas, CellKey, CellTable};

fn plan(agents: u32) -> LicensePlan {
    LicensePlan::with_agents(agents, Client { origins: Vec::new(), loopback: false }, Settings::default())
}

fn set_queue_limit(limit: u32) -> impl Fn(&mut License) -> Result<(), std::convert::Infallible> {
    move |license| {
        license.settings.queue_limit = Some(limit);
        Ok(())
    }
}

#[actix_rt::test]
async fn the_demo_is_made_once_and_its_file_is_private() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let file = test.folder.path().join("demo.json");
    let mode = std::fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).expect("read");
    let fields: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(fields["license_id"], 1001);
    assert_eq!(fields["agents"].as_array().map(Vec::len), Some(3));
    assert_eq!(fields["agents"][0]["id"], "smith@example.com");
    assert_eq!(fields["client_id"].as_str().map(str::len), Some(32));
    let again = make_demo_license(&test.tenants, "x", &file).await.expect("looked");
    assert!(again.is_none());
    assert_eq!(demo.license_id, LicenseId(1001));
}

#[actix_rt::test]
async fn licenses_are_found_by_number_and_organization() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let second = make_license(&test.tenants, &plan(2), "x").await.expect("made");
    assert_eq!(second.license_id, LicenseId(1002));
    for tenants in [&test.tenants, &test.other_node()] {
        let licenses = &tenants.licenses;
        assert_eq!(licenses.list().await.expect("listed").len(), 2);
        let found = licenses.get_by_organization(demo.organization_id).await.expect("read").expect("there");
        assert_eq!(found.id, demo.license_id);
        assert!(found.demo && found.agents.len() == 3);
        assert!(licenses.get(LicenseId(1)).await.expect("read").is_none());
        let nobody = OrganizationId(uuid::Uuid::nil());
        assert!(licenses.get_by_organization(nobody).await.expect("read").is_none());
    }
}

#[actix_rt::test]
async fn changes_are_told_here_at_once_and_elsewhere_at_the_next_look() {
    let test = TestTenants::new();
    let id = test.demo().await.license_id;
    let other = test.other_node();
    other.licenses.get(id).await.expect("read");
    test.tenants.licenses.update(id, set_queue_limit(7)).await.expect("changed");
    let heard = |tenants: &Tenants| {
        let changes = tenants.licenses.changed().now_or_never().unwrap_or_default();
        <[LicenseChange; 1]>::try_from(changes).ok().map(|[change]| change)
    };
    let made = heard(&test.tenants).expect("told");
    assert_eq!((made.before.settings.queue_limit, made.after.settings.queue_limit), (None, Some(7)));
    assert!(heard(&other).is_none());
    other.refresh().await.expect("looked");
    let learned = heard(&other).expect("told");
    assert_eq!((learned.before.version, learned.after.version), (1, 2));
    assert_eq!(learned.after.settings.queue_limit, Some(7));
    other.refresh().await.expect("looked");
    assert!(heard(&other).is_none(), "nothing new");

    for limit in [8, 9] {
        test.tenants.licenses.update(id, set_queue_limit(limit)).await.expect("changed");
    }
    let both = heard(&test.tenants).expect("told");
    assert_eq!((both.before.settings.queue_limit, both.after.settings.queue_limit), (Some(7), Some(9)));
}

#[actix_rt::test]
async fn nodes_that_change_a_license_together_lose_no_change() {
    let test = TestTenants::new();
    let id = test.demo().await.license_id;
    let other = test.other_node();
    let change = |tenants: Tenants, agent: &'static str| async move {
        for number in 0..10u32 {
            let result = tenants
                .licenses
                .update(id, |license| {
                    let agent = license.agents.get_mut(&AgentId::new(agent)).ok_or(())?;
                    agent.max_chats_count = Some(agent.max_chats_count.unwrap_or(0) + number);
                    Ok::<(), ()>(())
                })
                .await;
            result.expect("changed");
        }
    };
    futures_util::join!(
        change(test.tenants.clone(), "smith@example.com"),
        change(other, "jones@example.com"),
        change(test.other_node(), "jones@example.com")
    );
    let license = test.other_node().licenses.get(id).await.expect("read").expect("there");
    let counts = ["smith@example.com", "jones@example.com"]
        .map(|agent| license.agents[&AgentId::new(agent)].max_chats_count);
    assert_eq!(counts, [Some(45), Some(90)]);
    // Every first change adds nothing, and changes nothing where there was a number already.
    assert!((29..=31).contains(&license.version), "{}", license.version);
}

#[actix_rt::test]
async fn large_licenses_keep_their_agents_through_changes() {
    let test = TestTenants::new();
    let made = make_license(&test.tenants, &plan(1_000), "x").await.expect("made");
    assert_eq!(made.agents.len(), 1_000);
    let id = made.license_id;
    let renamed = AgentId::new("agent500@example.com");
    let removed = AgentId::new("agent1@example.com");
    test.tenants
        .licenses
        .update(id, |license| {
            license.agents.get_mut(&renamed).ok_or(())?.name = "Renamed".to_owned();
            license.agents.remove(&removed);
            Ok::<(), ()>(())
        })
        .await
        .expect("changed");
    let read = test.other_node().licenses.get(id).await.expect("read").expect("there");
    assert_eq!(read.agents.len(), 999);
    assert_eq!(read.agents[&renamed].name, "Renamed");
    // A head and four parts; those that were replaced are gone.
    let cells =
        test.store.list_cells(crate::store::CellTable::Licenses, id, None, 100).await.expect("listed");
    assert_eq!(cells.len(), 5);

    test.tenants
        .licenses
        .update(id, |license| {
            license.agents.clear();
            Ok::<(), ()>(())
        })
        .await
        .expect("changed");
    let read = test.other_node().licenses.get(id).await.expect("read").expect("there");
    assert!(read.agents.is_empty());
}

/// What a later version would write: members that this one does not know, wherever it may have some.
fn say_more(json: &mut Value) {
    match json {
        Value::Object(members) => {
            members.values_mut().for_each(say_more);
            // Maps from names of languages, phrases and the like have no unknown members.
            if ["name", "settings", "timezone", "fields", "label", "manual"]
                .iter()
                .any(|known| members.contains_key(*known))
            {
                members.insert("of_a_later_version".to_owned(), json!({ "more": [1, { "x": null }] }));
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(say_more),
        _ => {}
    }
}

fn said_more(json: &Value) -> usize {
    match json {
        Value::Object(members) => {
            usize::from(members.contains_key("of_a_later_version"))
                + members.values().map(said_more).sum::<usize>()
        }
        Value::Array(elements) => elements.iter().map(said_more).sum(),
        _ => 0,
    }
}

#[actix_rt::test]
async fn what_a_later_version_wrote_of_a_license_survives_a_change() {
    let test = TestTenants::new();
    let id = make_license(&test.tenants, &plan(3), "x").await.expect("made").license_id;
    let agent = AgentId::new("agent1@example.com");
    let form = r#"{"fields":[{"type":"name","label":"Name"}]}"#;
    let hours =
        r#"{"timezone":"UTC","schedule":[{"day":"monday","enabled":true,"start":"08:00","end":"16:00"}]}"#;
    let change = |license: &mut License| {
        let form = serde_json::from_str(form).map_err(drop)?;
        license.settings.widget.forms.insert(FormKind::Prechat, Some(form));
        let agent = license.agents.get_mut(&agent).ok_or(())?;
        agent.work_scheduler = Some(serde_json::from_str(hours).map_err(drop)?);
        let (routing, widget) = (GroupSettings::default(), Widget::default());
        license.groups.insert(GroupId(7), Group { name: "Seven".to_owned(), routing, widget });
        Ok::<(), ()>(())
    };
    test.tenants.licenses.update(id, change).await.expect("changed");
    let all = async || test.store.list_cells(CellTable::Licenses, id, None, 100).await.expect("listed");
    let mut written = 0;
    for cell in all().await {
        let mut json: Value = serde_json::from_slice(&cell.body).expect("JSON");
        say_more(&mut json);
        written += said_more(&json);
        let key = CellKey::new(CellTable::Licenses, id, cell.id);
        let new = Some(json.to_string().into_bytes().into());
        assert_eq!(test.store.cas(&key, Some(cell.body), new).await.expect("stored"), Cas::Applied);
    }
    assert!(written > 8, "{written}");

    let older = test.other_node();
    let read = older.licenses.get(id).await.expect("read").expect("it can be read");
    assert!(
        read.settings.widget.forms[&FormKind::Prechat].is_some() && read.groups[&GroupId(7)].name == "Seven"
    );
    let change = |license: &mut License| {
        license.settings.queue_limit = Some(7);
        license.agents.get_mut(&agent).ok_or(())?.name = "Renamed".to_owned();
        Ok::<(), ()>(())
    };
    older.licenses.update(id, change).await.expect("changed");
    let left: usize =
        all().await.iter().map(|cell| said_more(&serde_json::from_slice(&cell.body).expect("JSON"))).sum();
    assert_eq!(left, written, "nothing is lost");
    let read = test.other_node().licenses.get(id).await.expect("read").expect("there");
    assert_eq!((read.settings.queue_limit, &*read.agents[&agent].name), (Some(7), "Renamed"));
}

#[actix_rt::test]
async fn a_refused_change_changes_nothing() {
    let test = TestTenants::new();
    let id = test.demo().await.license_id;
    let refused = test.tenants.licenses.update(id, |license| {
        license.settings.queue_limit = Some(1);
        Err("no")
    });
    assert!(matches!(refused.await, Err(UpdateError::Refused("no"))));
    let absent = test.tenants.licenses.update(LicenseId(5), set_queue_limit(1)).await;
    assert!(matches!(absent, Err(UpdateError::NoLicense(LicenseId(5)))));
    let license = test.other_node().licenses.get(id).await.expect("read").expect("there");
    assert_eq!((license.settings.queue_limit, license.version), (None, 1));
}
