// The publishing database behind PostGraphile: the schema is what graphile.config.js makes of its tables.

import { createServer } from 'node:http'
import { postgraphile } from 'postgraphile'
import { grafserv } from 'postgraphile/grafserv/node'
import preset from './graphile.config.js'

const server = createServer()
const pgl = postgraphile(preset)
await pgl.getSchema()
await pgl.createServ(grafserv).addTo(server)
server.listen(Number(process.env.PORT), '127.0.0.1')
