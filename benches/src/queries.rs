//! The seven queries, as every server that has them gets them.

/// A query and what is known of its answer.
pub struct Query {
    pub name: &'static str,
    /// What it asks, for the tables.
    pub about: &'static str,
    pub document: &'static str,
    /// Length of the answer's first list. A shorter one means that the database does not have the
    /// bulk content, and that the figures would mean nothing.
    pub rows: usize,
    /// The query has the variable `$id`: a user, another one in each request.
    pub takes_user: bool,
}

pub const QUERIES: [Query; 7] = [
    Query {
        name: "Q1",
        about: "50 posts",
        document: "{ posts(limit: 50) { id title createdAt } }",
        rows: 50,
        takes_user: false,
    },
    Query {
        name: "Q2",
        about: "50 posts with authors",
        document: "{ posts(limit: 50) { id title author { id name } } }",
        rows: 50,
        takes_user: false,
    },
    Query {
        name: "Q3",
        about: "20 users, 5 posts each",
        document: "{ users(limit: 20) { id name posts(limit: 5) { id title } } }",
        rows: 20,
        takes_user: false,
    },
    Query {
        name: "Q4",
        about: "10 users → 5 posts → tags, 3 comments → authors",
        document: "{ users(limit: 10) { id name posts(limit: 5) { id title tags { id name } \
                   comments(limit: 3) { id body author { id name } } } } }",
        rows: 10,
        takes_user: false,
    },
    Query {
        name: "Q5",
        about: "one user, 10 posts",
        document: "query($id: ID!) { user(id: $id) { id name posts(limit: 10) { id title createdAt } } }",
        rows: 0,
        takes_user: true,
    },
    Query {
        name: "Q6",
        about: "1,000 posts with authors, 7 fields",
        document: "{ posts(limit: 1000) { id title slug status createdAt version author { id name } } }",
        rows: 1000,
        takes_user: false,
    },
    Query {
        name: "Q7",
        about: "conditions and orders through relations, counts",
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
    },
];
