import t from 'tap'
import * as published from 'dfs'
import { Client } from '../../src/client/client.ts'

t.test('programs import the client under the name of the package', async t => {
  t.equal(published.Client, Client)
  const error = await published.Client.connect({ masters: ['127.0.0.1:1'], connectMs: 50 }).catch((each: unknown) => each)
  t.ok(error instanceof published.DfsError)
  t.match(error, { code: 'unreachable', message: /127\.0\.0\.1:1/ })
})
