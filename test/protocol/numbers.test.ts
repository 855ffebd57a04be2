import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Api } from '../../src/protocol/api.ts'
import {
  chunkControlApi, chunkserverAdminApi, chunkserverApi, chunkserverPeerApi, chunkserverRegistryApi,
} from '../../src/protocol/chunkserver-api.ts'
import { errors, retiredErrorNumbers } from '../../src/protocol/errors.ts'
import { clientApi, masterApi } from '../../src/protocol/master-api.ts'

const everyApi: Api[] = [masterApi, clientApi, chunkserverApi, chunkserverAdminApi, chunkserverPeerApi, chunkControlApi, chunkserverRegistryApi]
const fixed = JSON.parse(readFileSync(new URL('numbers.json', import.meta.url), 'utf8')) as
  { methods: Record<string, number>, errors: Record<string, number> }

t.test('each method number means one thing, for ever', async t => {
  const numbers: Record<string, number> = {}
  for (const api of everyApi) {
    for (const [name, method] of Object.entries(api.methods)) {
      numbers[`${api.name}.${name}`] = method.number
      t.notOk(api.retired.includes(method.number), `${api.name}.${name} takes no retired number`)
    }
  }
  t.equal(new Set(Object.values(numbers)).size, Object.keys(numbers).length, 'no number is used twice')
  t.strictSame(numbers, fixed.methods, 'numbers are as they were; a new method is added to numbers.json')
})

t.test('each error number means one thing, for ever', async t => {
  const numbers = Object.fromEntries(Object.entries(errors).map(([code, { number }]) => [code, number]))
  t.equal(new Set(Object.values(numbers)).size, Object.keys(numbers).length, 'no number is used twice')
  t.notOk(Object.values(numbers).some(number => retiredErrorNumbers.includes(number)), 'no retired number returns')
  t.strictSame(numbers, fixed.errors, 'numbers are as they were; a new error is added to numbers.json')
})
