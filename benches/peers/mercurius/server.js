// The publishing database behind Fastify and Mercurius: resolvers for the roots, loaders for the relations.

import Fastify from 'fastify'
import mercurius from 'mercurius'
import pg from 'pg'
import { GraphQLScalarType } from 'graphql'

const { DATABASE_URL, PORT, POOL } = process.env

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(POOL ?? 10) })

const schema = `
  scalar DateTime

  enum PostStatus { draft published archived }

  type Query {
    posts(limit: Int = 20): [Post!]!
    users(limit: Int = 20): [User!]!
    user(id: ID!): User
  }

  type User {
    id: ID!
    name: String!
    posts(limit: Int = 20): [Post!]!
  }

  type Post {
    id: ID!
    title: String!
    slug: String!
    status: PostStatus!
    createdAt: DateTime!
    version: Int!
    author: User!
    tags(limit: Int = 20): [Tag!]!
    comments(limit: Int = 20): [Comment!]!
  }

  type Tag {
    id: ID!
    name: String!
  }

  type Comment {
    id: ID!
    body: String!
    author: User!
  }
`

// Everyone reads published posts, and comments and tags below them. Each statement has a name, so that a
// connection prepares it once.

async function rows (name, text, values) {
  const result = await pool.query({ name, text, values })
  return result.rows
}

const USER = 'u.id, u.name'
const POST = 'p.id, p.author_id AS "authorId", p.title, p.slug, p.status, p.created_at AS "createdAt", p.version'

const resolvers = {
  DateTime: new GraphQLScalarType({
    name: 'DateTime',
    serialize: (value) => value.toISOString()
  }),

  Query: {
    posts: (_, { limit }) => rows('posts', `
      SELECT ${POST} FROM post p WHERE p.status = 'published'
      ORDER BY p.created_at DESC, p.id DESC LIMIT $1`, [limit]),

    users: (_, { limit }) => rows('users', `
      SELECT ${USER} FROM "user" u ORDER BY u.created_at DESC, u.id DESC LIMIT $1`, [limit]),

    user: async (_, { id }) => {
      const [user] = await rows('user', `SELECT ${USER} FROM "user" u WHERE u.id = $1`, [id])
      return user
    }
  }
}

const loaders = {
  User: {
    posts: pages('posts_of_users', `
      SELECT k.id AS parent, p.*
      FROM unnest($1::bigint[]) AS k(id)
      CROSS JOIN LATERAL (
        SELECT ${POST} FROM post p
        WHERE p.author_id = k.id AND p.status = 'published'
        ORDER BY p.created_at DESC, p.id DESC LIMIT $2
      ) p`)
  },

  Post: {
    author,

    tags: pages('tags_of_posts', `
      SELECT k.id AS parent, t.*
      FROM unnest($1::bigint[]) AS k(id)
      CROSS JOIN LATERAL (
        SELECT pt.tag_id FROM post_tag pt WHERE pt.post_id = k.id ORDER BY pt.tag_id LIMIT $2
      ) pt
      JOIN tag t ON t.id = pt.tag_id
      ORDER BY k.id, t.id`),

    comments: pages('comments_of_posts', `
      SELECT k.id AS parent, c.*
      FROM unnest($1::bigint[]) AS k(id)
      CROSS JOIN LATERAL (
        SELECT c.id, c.author_id AS "authorId", c.body FROM comment c
        WHERE c.post_id = k.id
        ORDER BY c.created_at DESC, c.id DESC LIMIT $2
      ) c`)
  },

  Comment: {
    author
  }
}

async function author (queries) {
  const ids = new Set(queries.map(({ obj }) => obj.authorId))
  const users = await rows('authors', `SELECT ${USER} FROM "user" u WHERE u.id = ANY($1::bigint[])`, [[...ids]])
  const byId = new Map(users.map((user) => [user.id, user]))
  return queries.map(({ obj }) => byId.get(obj.authorId))
}

// A loader of one page for each parent: one statement for all queries that ask for the same number.
function pages (name, text) {
  return async (queries) => {
    const parents = new Map()
    for (const { obj, params } of queries) {
      if (!parents.has(params.limit)) parents.set(params.limit, new Map())
      parents.get(params.limit).set(obj.id, [])
    }
    await Promise.all(Array.from(parents, async ([limit, found]) => {
      for (const row of await rows(name, text, [[...found.keys()], limit])) {
        found.get(row.parent).push(row)
      }
    }))
    return queries.map(({ obj, params }) => parents.get(params.limit).get(obj.id))
  }
}

const app = Fastify()
app.register(mercurius, { schema, resolvers, loaders, jit: 1, path: '/graphql' })
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
