use std::process::ExitCode;

fn main() -> ExitCode {
    backref::Program::new(consumer::graph())
        .named("consumer")
        .version(env!("CARGO_PKG_VERSION"))
        .migrations::<migration::Migrator>()
        .database("sqlite://library.db")
        .main()
}
