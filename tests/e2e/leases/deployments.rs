//! What nodes tell each other of deployments, as Redis answers it.

use std::time::Duration;

use tollgate::router::lending::{LoanCall, LoanReply};
use tollgate::router::lot::Part;

use super::*;

fn call(minute: u64, limit: u64, used: u64, want: u64) -> LoanCall {
    let tokens = Part { limit: None, used: 10 * used, want: 10 * used };
    LoanCall { minute, requests: Part { limit: Some(limit), used, want }, tokens }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_hold_no_more_of_a_minute_than_there_is() {
    let redis = Server::redis().await;
    let (here, there) = (Node::start(&redis).await, Node::start(&redis).await);
    // Who asks, what he has used and wants; what he holds then, and what the other one has used.
    let words = [
        (&here, call(7, 10, 0, 4), (4, 0)),
        (&there, call(7, 10, 3, 9), (6, 0)),
        (&here, call(7, 10, 4, 5), (4, 30)),
        // Gives back; the other one gets it, and a second word of the same is heard as the first.
        (&there, call(7, 10, 3, 3), (3, 40)),
        (&here, call(7, 10, 4, 9), (7, 30)),
        (&here, call(7, 10, 4, 9), (7, 30)),
        // What was used without a loan counts all the same, and leaves less for the other.
        (&there, call(7, 10, 5, 5), (5, 70 - 30)),
        (&here, call(7, 10, 4, 9), (5, 50)),
        // Another minute, and a limit that was lowered.
        (&here, call(8, 10, 0, 10), (10, 0)),
        (&there, call(8, 10, 0, 1), (0, 0)),
        (&here, call(8, 4, 1, 10), (4, 0)),
        (&there, call(8, 4, 0, 1), (0, 10)),
    ];
    for (place, (node, call, (requests, elsewhere))) in words.into_iter().enumerate() {
        let reply = within("an answer", node.leases.say_minute("d", &call)).await;
        let tokens = call.tokens.used;
        assert_eq!(reply, Some(LoanReply { requests, tokens, elsewhere }), "word {place}");
    }
    let other = within("an answer", there.leases.say_minute("e", &call(7, 10, 0, 9))).await;
    assert_eq!(other.map(|reply| reply.requests), Some(9), "another deployment");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_breakers_are_heard_of_until_their_end() {
    let mut redis = Server::redis().await;
    let (here, there) = (Node::start(&redis).await, Node::start(&redis).await);
    let opening = |id: &str, rest| (id.to_owned(), rest);
    let (long, short) = (Duration::from_secs(100), Duration::from_millis(50));
    let told = [opening("a", long), opening("b", short), opening("c", Duration::MAX)];
    assert!(here.leases.say_openings(&told).await.is_some());
    // A shorter word does not end it.
    assert!(there.leases.say_openings(&[opening("a", short)]).await.is_some());
    let heard = within("the short one to end", async {
        loop {
            let heard = there.leases.say_openings(&[]).await.unwrap();
            if heard.iter().all(|(id, _)| id != "b") {
                return heard;
            }
        }
    })
    .await;
    let ids: Vec<&str> = heard.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["c", "a"]);
    assert!(heard[0].1 <= Duration::from_secs(86_400), "{heard:?}");
    assert!(heard[1].1 <= long && heard[1].1 > short, "{heard:?}");
    redis.stop();
    here.is_up(false).await;
    assert_eq!(here.leases.say_openings(&told).await, None);
    assert_eq!(here.leases.say_minute("d", &call(7, 10, 0, 1)).await, None);
}
