//! The SQL of the floors on PostgreSQL.
//!
//! SQL promises no order for the rows of a lateral join, but such a join can only be a nested loop, so
//! the rows of a key stay in the order of the subquery; `ord`, from 1, says which key they belong to.

/// What a snapshot begins with. It is taken by the first statement.
pub const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

pub const COMMIT: &str = "COMMIT";

pub const Q1_POSTS: &str = "SELECT id, title, created_at FROM post WHERE status = 'published' \
     ORDER BY created_at DESC, id DESC LIMIT 50";

pub const Q2_POSTS: &str = "SELECT id, title, author_id FROM post WHERE status = 'published' \
     ORDER BY created_at DESC, id DESC LIMIT 50";

pub const Q3_USERS: &str =
    r#"SELECT id, name FROM "user" ORDER BY created_at DESC, id DESC LIMIT 20"#;

pub const Q4_USERS: &str =
    r#"SELECT id, name FROM "user" ORDER BY created_at DESC, id DESC LIMIT 10"#;

/// The tags are joined outside the page: inside, a small `tag` is read once per post. That join may be
/// a hash join, hence the order.
pub const Q4_TAGS: &str = "SELECT k.ord, tag.id, tag.name \
     FROM unnest($1::bigint[]) WITH ORDINALITY AS k(key, ord) \
     CROSS JOIN LATERAL (SELECT tag_id FROM post_tag WHERE post_id = k.key ORDER BY tag_id LIMIT 20) t \
     JOIN tag ON tag.id = t.tag_id ORDER BY k.ord, tag.id";

pub const Q4_COMMENTS: &str = "SELECT k.ord, c.id, c.body, c.author_id \
     FROM unnest($1::bigint[]) WITH ORDINALITY AS k(key, ord) \
     CROSS JOIN LATERAL (SELECT id, body, author_id FROM comment WHERE post_id = k.key \
     ORDER BY created_at DESC, id DESC LIMIT 3) c";

pub const Q5_USER: &str = r#"SELECT id, name FROM "user" WHERE id = $1"#;

pub const Q5_POSTS: &str = "SELECT id, title, created_at FROM post \
     WHERE author_id = $1 AND status = 'published' ORDER BY created_at DESC, id DESC LIMIT 10";

pub const Q6_POSTS: &str = "SELECT id, title, slug, status, created_at, version, author_id FROM post \
     WHERE status = 'published' ORDER BY created_at DESC, id DESC LIMIT 1000";

/// Bound, the word has PostgreSQL walk the users: where the statistics underrate a literal one, it
/// reads every post instead.
pub const Q7_USERS: &str = "SELECT id, name, \
     (SELECT count(*) FROM post WHERE author_id = u.id AND status = 'published') \
     FROM \"user\" u WHERE EXISTS (SELECT 1 FROM post WHERE author_id = u.id AND status = 'published' \
     AND title LIKE $1) ORDER BY created_at DESC, id DESC LIMIT 10";

pub const Q7_PATTERN: &str = "%Tide%";

/// The tags are few and found once; joined to them, each post's would be looked up one by one.
pub const Q7_POSTS: &str = "SELECT k.ord, p.id, p.title \
     FROM unnest($1::bigint[]) WITH ORDINALITY AS k(key, ord) \
     CROSS JOIN LATERAL (SELECT id, title FROM post p WHERE author_id = k.key AND status = 'published' \
     AND EXISTS (SELECT 1 FROM post_tag WHERE post_id = p.id \
     AND tag_id = ANY (ARRAY(SELECT id FROM tag WHERE name IN ('graph', 'table')))) \
     ORDER BY (SELECT count(*) FROM comment WHERE post_id = p.id) DESC, title COLLATE \"C\", id LIMIT 5) p";

pub const Q7_COMMENTS: &str = "SELECT k.ord, c.id, c.body, c.total \
     FROM unnest($1::bigint[]) WITH ORDINALITY AS k(key, ord) \
     CROSS JOIN LATERAL (SELECT id, body, count(*) OVER () AS total FROM comment \
     WHERE post_id = k.key AND parent_id IS NULL ORDER BY created_at DESC, id DESC LIMIT 3) c";

/// The five newest posts of each user.
pub const POSTS_OF_USERS: &str = "SELECT k.ord, p.id, p.title \
     FROM unnest($1::bigint[]) WITH ORDINALITY AS k(key, ord) \
     CROSS JOIN LATERAL (SELECT id, title FROM post WHERE author_id = k.key AND status = 'published' \
     ORDER BY created_at DESC, id DESC LIMIT 5) p";

pub const USERS_BY_ID: &str = r#"SELECT id, name FROM "user" WHERE id = ANY($1)"#;
