import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { makePgService } from 'postgraphile/adaptors/pg'
import { pgSmartTags } from 'postgraphile/utils'
import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection'
import { PgManyToManyPreset } from '@graphile-contrib/pg-many-to-many'

const { DATABASE_URL, POOL } = process.env

// What the tables do not say: that posts are found by their status, although it has no index of its own.
const TagsPlugin = pgSmartTags([
  { kind: 'attribute', match: 'post.status', tags: { behavior: '+filterBy' } }
])

export default {
  extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset, PgManyToManyPreset],
  plugins: [TagsPlugin],
  pgServices: [
    makePgService({
      connectionString: DATABASE_URL,
      schemas: ['public'],
      poolConfig: { max: Number(POOL ?? 10) }
    })
  ],
  grafast: { explain: false },
  grafserv: { graphqlPath: '/graphql', graphiql: false, watch: false }
}
