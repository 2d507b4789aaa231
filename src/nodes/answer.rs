//! Answering other nodes.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use switchboard_cluster::{Epoch, Incarnation, Service, Shard, Way};

use super::Nodes;
use super::message::{Answer, Call, decode, encode, items};
use crate::actors::chat::Refused;
use crate::actors::elsewhere::ChatCall;

#[async_trait]
impl Service for Nodes {
    async fn call(&self, from: Incarnation, request: Bytes) -> Bytes {
        let call = match decode::<Call>(&request) {
            Ok(call) => call,
            Err(error) => {
                tracing::warn!(node = %from, %error, "another node asks something that is not understood");
                return encode(Answer::NotUnderstood);
            }
        };
        encode(self.answer(from, call).await)
    }

    fn frame(&self, from: Incarnation, frame: Bytes) {
        for told in items(&frame) {
            match told {
                Ok(told) => self.take(from, told),
                Err(error) => tracing::warn!(node = %from, %error, "another node tells something unknown"),
            }
        }
    }

    fn stream_opened(&self, peer: Incarnation, way: Way) {
        self.stream_changed(peer, way);
    }

    fn stream_closed(&self, peer: Incarnation, way: Way) {
        self.stream_changed(peer, way);
    }
}

impl Nodes {
    fn stream_changed(&self, node: Incarnation, way: Way) {
        // What comes from there is the other side's to mend.
        if way == Way::To
            && let Some(peer) = self.peers.get(&node)
        {
            peer.outgoing.lost();
        }
    }

    async fn answer(&self, from: Incarnation, call: Call) -> Answer {
        let Some(actors) = self.actors.get() else { return Answer::NotNow };
        match call {
            Call::Chat { call, within, since } => {
                self.chat_call(call, since, Duration::from_millis(within)).await
            }
            Call::Router(call) => {
                let shard = self.parts.ownership.shard_of(call.license.0, "");
                match actors.serve_router(call).await {
                    Ok(Some(answer)) => Answer::Router(answer),
                    Ok(None) => self.not_owner(shard),
                    Err(error) => Answer::Refused(error.into()),
                }
            }
            Call::Rebuild(call) => match actors.serve_rebuild(&call).await {
                Some(answer) => Answer::Rebuild(answer),
                None => Answer::NotNow,
            },
            Call::Interest(update) => self.note(from, &update),
            Call::Users(update) => self.note_users(from, &update),
            Call::Visitors(call) => Answer::Visitors(self.parts.sessions.visitors(&call)),
            Call::Coming(call) => {
                actors.read_ahead(call).await;
                Answer::Noted
            }
            Call::News(news) => {
                self.hear(news).await;
                Answer::Noted
            }
        }
    }

    async fn chat_call(&self, call: ChatCall, since: Option<Epoch>, within: Duration) -> Answer {
        let Some(actors) = self.actors.get() else { return Answer::NotNow };
        let shard = self.parts.ownership.shard_of(call.key.license.0, call.key.chat.as_str());
        match actors.serve(call, since, within).await {
            Ok(answer) => Answer::Chat(answer),
            Err(Refused::Error(error)) => Answer::Refused(error.into()),
            Err(Refused::Moved(_)) => self.not_owner(shard),
        }
    }

    fn not_owner(&self, shard: Shard) -> Answer {
        let known = self.parts.ownership.known_owner(shard);
        let owner = known.filter(|row| row.owner != self.me()).map(|row| (row.owner, row.epoch));
        Answer::NotOwner { owner }
    }
}
