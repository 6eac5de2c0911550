use super::*;
use proptest::{prelude::*, strategy::ValueTree, test_runner::*};
use std::io::Write;
#[test]
fn zz_dump() {
    let mut runner = TestRunner::new(Config::default());
    let mut out =
        std::io::BufWriter::new(std::fs::File::create(std::env::var("DUMP").unwrap()).unwrap());
    let start = std::time::Instant::now();
    let (mut gen_time, mut exec) = (0.0, 0.0);
    for i in 0..1500 {
        let t = std::time::Instant::now();
        let fails = i % 3 == 2;
        let data = data().new_tree(&mut runner).unwrap().current();
        let case = if fails {
            failing_case().new_tree(&mut runner).unwrap().current()
        } else {
            case().new_tree(&mut runner).unwrap().current()
        };
        let mutated = mutated().new_tree(&mut runner).unwrap().current();
        gen_time += t.elapsed().as_secs_f64();
        let t = std::time::Instant::now();
        let r = crate::reference::respond(
            &data,
            &case.query,
            case.operation_name.as_deref(),
            &case.variables,
        )
        .map_err(|e| format!("{e} {case:?}"))
        .unwrap();
        exec += t.elapsed().as_secs_f64();
        let t = |x: chrono::DateTime<chrono::Utc>| {
            x.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
        };
        let d = serde_json::json!({
            "users": data.users.iter().map(|u| serde_json::json!({"id":u.id.to_string(),"username":u.username,"name":u.name,"role":format!("{:?}",u.role).to_uppercase(),"createdAt":t(u.created_at),"updatedAt":t(u.updated_at),"ts":u.created_at.timestamp_micros()})).collect::<Vec<_>>(),
            "profiles": data.profiles.iter().map(|u| serde_json::json!({"userId":u.user_id.to_string(),"bio":u.bio,"website":u.website,"location":u.location})).collect::<Vec<_>>(),
            "posts": data.posts.iter().map(|u| serde_json::json!({"id":u.id.to_string(),"authorId":u.author_id.to_string(),"title":u.title,"slug":u.slug,"body":u.body,"status":format!("{:?}",u.status).to_uppercase(),"publishedAt":u.published_at.map(t),"createdAt":t(u.created_at),"updatedAt":t(u.updated_at),"version":u.version,"ts":u.created_at.timestamp_micros()})).collect::<Vec<_>>(),
            "tags": data.tags.iter().map(|u| serde_json::json!({"id":u.id.to_string(),"name":u.name})).collect::<Vec<_>>(),
            "postTags": data.post_tags.iter().map(|u| serde_json::json!([u.post_id.to_string(),u.tag_id.to_string()])).collect::<Vec<_>>(),
            "comments": data.comments.iter().map(|u| serde_json::json!({"id":u.id.to_string(),"postId":u.post_id.to_string(),"authorId":u.author_id.to_string(),"parentId":u.parent_id.map(|p|p.to_string()),"body":u.body,"createdAt":t(u.created_at),"updatedAt":t(u.updated_at),"ts":u.created_at.timestamp_micros()})).collect::<Vec<_>>(),
            "follows": data.follows.iter().map(|u| serde_json::json!([u.follower_id.to_string(),u.followee_id.to_string()])).collect::<Vec<_>>(),
        });
        writeln!(out, "{}", serde_json::json!({"data": d, "query": case.query, "op": case.operation_name, "variables": serde_json::to_string(&case.variables).unwrap(), "answer": r.data, "errors": r.errors.iter().map(|e| e.path.join(".")).collect::<Vec<_>>(), "mutated": mutated, "fails": fails, "apollo": apollo(&mutated)})).unwrap();
    }
    eprintln!("{:?} gen {gen_time} exec {exec}", start.elapsed());
}
#[test]
fn zz_shrink() {
    let mut config = Config::default();
    config.failure_persistence = None;
    config.max_shrink_iters = 30_000;
    let mut runner = TestRunner::new(config);
    let start = std::time::Instant::now();
    let r = runner.run(&(case(), data()), |(case, data)| {
        let a = crate::reference::execute(
            &data,
            &case.query,
            case.operation_name.as_deref(),
            &case.variables,
        )
        .unwrap();
        prop_assert!(!a.contains(r#""parent":{"#), "found");
        Ok(())
    });
    eprintln!("{:?} {}", start.elapsed(), r.unwrap_err());
}

fn apollo(q: &str) -> serde_json::Value {
    static S: std::sync::LazyLock<apollo_compiler::validation::Valid<apollo_compiler::Schema>> = std::sync::LazyLock::new(|| apollo_compiler::Schema::parse_and_validate(include_str!("../reference/surface.graphql"), "s.graphql").unwrap());
    match apollo_compiler::ExecutableDocument::parse_and_validate(&S, q, "q.graphql") { Ok(_) => serde_json::json!(null), Err(e) => serde_json::json!(e.errors.to_string()) }
}
