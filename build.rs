//! Stops a build that could serve no database with one error, before the compiler stumbles over all that is missing then.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let has = |feature: &str| std::env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    if !has("POSTGRES") && !has("SQLITE") {
        println!(
            "cargo::error=Backref needs the driver of a database: add the feature `sqlite`, `postgres` or both in Cargo.toml, backref = {{ …, features = [\"sqlite\"] }}"
        );
    }
}
