//! The program `examples/fields.rs` runs, and answers.

#[path = "../../../examples/fields.rs"]
mod fields;

#[test]
fn the_example_answers() {
    fields::main().expect("it runs");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let answers = runtime.block_on(fields::answers()).expect("answers");
    for answer in &answers {
        assert!(answer.starts_with("{\"data\":{"), "{answer}");
    }
    let [read, written] = answers.map(|answer| {
        let json: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        json["data"].clone()
    });
    assert_eq!(read["trending"].as_array().map(Vec::len), Some(3), "{read}");
    assert!(read["users"][0]["karma"].is_i64(), "{read}");
    assert_eq!(written["publishPost"]["status"], "PUBLISHED", "{written}");
}
