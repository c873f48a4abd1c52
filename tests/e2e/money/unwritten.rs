//! `disable_spend_updates`: nothing of what is spent is written down.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn budgets_hold_in_the_process_and_end_with_it() {
    let upstream = upstream().await;
    let model = format!(
        "  - {{model_name: m, litellm_params: {{model: openai/m, api_base: \"{}\", api_key: sk-up, \
         input_cost_per_token: 0, output_cost_per_token: 0.001}}}}\n",
        upstream.url()
    );
    let settings = format!("general_settings: {{master_key: {}, disable_spend_updates: true}}\n", crate::support::KEY);
    let mut gateway = Gateway::start(&config(&[model], &settings)).await;
    let key = new_key(&gateway, &json!({"max_budget": 0.03})).await;
    for _ in 0..2 {
        for number in 0..3 {
            let answer = gateway.call(&call(&key, TOKENS, "hi", number == 1)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        let refused = gateway.call(&cent(&key)).await;
        assert!(is_refused(&refused, "budget_exceeded"), "{}", refused.text());
        // What there was to be written is written at the latest when it ends.
        gateway.kill();
        gateway.start_again().await;
        let store = store_of(&gateway, None);
        assert_eq!((rows(&store, &key).await.len(), counted(&store, &key).await), (0, 0));
    }
}
