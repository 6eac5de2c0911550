//! The seven queries, as every server that has them gets them.

/// A query and what is known of its answer.
pub struct Query {
    pub name: &'static str,
    pub document: &'static str,
    /// Length of the answer's first list. A shorter one means that the database does not have the
    /// bulk content, and that the figures would mean nothing.
    pub rows: usize,
    /// The query has the variable `$id`: a user, another one in each request.
    pub takes_user: bool,
    /// The textbook's schema has the fields it asks for.
    pub in_textbook: bool,
}

pub const QUERIES: [Query; 7] = [
    Query {
        name: "Q1",
        document: "{ posts(limit: 50) { id title createdAt } }",
        rows: 50,
        takes_user: false,
        in_textbook: true,
    },
    Query {
        name: "Q2",
        document: "{ posts(limit: 50) { id title author { id name } } }",
        rows: 50,
        takes_user: false,
        in_textbook: true,
    },
    Query {
        name: "Q3",
        document: "{ users(limit: 20) { id name posts(limit: 5) { id title } } }",
        rows: 20,
        takes_user: false,
        in_textbook: true,
    },
    Query {
        name: "Q4",
        document: "{ users(limit: 10) { id name posts(limit: 5) { id title tags { id name } \
                   comments(limit: 3) { id body author { id name } } } } }",
        rows: 10,
        takes_user: false,
        in_textbook: true,
    },
    Query {
        name: "Q5",
        document: "query($id: ID!) { user(id: $id) { id name posts(limit: 10) { id title createdAt } } }",
        rows: 0,
        takes_user: true,
        in_textbook: true,
    },
    Query {
        name: "Q6",
        document: "{ posts(limit: 1000) { id title slug status createdAt version author { id name } } }",
        rows: 1000,
        takes_user: false,
        in_textbook: true,
    },
    Query {
        name: "Q7",
        document: r#"{ users(limit: 10, where: { posts: { some: { title: { contains: "Tide" } } } }) {
  id name
  postsAggregate { count }
  posts(
    limit: 5
    where: { tags: { some: { name: { in: ["graph", "table"] } } } }
    orderBy: [{ comments: { count: DESC } }, { title: ASC }]
  ) {
    id title
    commentsConnection(first: 3, where: { parentId: { isNull: true } }) { totalCount nodes { id body } }
  }
} }"#,
        rows: 10,
        takes_user: false,
        in_textbook: false,
    },
];

impl Query {
    /// Whether a server can be asked this query.
    pub fn is_served_by(&self, server: &str) -> bool {
        self.in_textbook || server != "textbook"
    }

    /// The body of a request. `user` is read by a query that takes one, and by no other.
    pub fn body(&self, user: i64) -> String {
        let body = if self.takes_user {
            let id = format!("User:{user}");
            serde_json::json!({ "query": self.document, "variables": { "id": id } })
        } else {
            serde_json::json!({ "query": self.document })
        };
        body.to_string()
    }
}
