import t from 'tap'
import { InTransit, type Transit } from '../../../src/master/balance/in-transit.ts'
import { Drops } from '../../../src/master/chunks/drops.ts'
import { defaultConfig } from '../../../src/master/config.ts'
import { Servers } from '../../../src/master/servers/registry.ts'
import { Server } from '../../../src/master/servers/server.ts'
import type { ChunkId, ChunkVersion, ServerId } from '../../../src/protocol/identifiers.ts'
import { silentLog } from '../../../src/seams/log.ts'
import { World } from '../../simulation/world.ts'

function server(id: number, usedBytes: number): Server {
  const made = new Server({ server: id as ServerId, address: `h:${id}`, rack: 'r', host: 'h' }, 0)
  made.totalBytes = 1_000
  made.freeBytes = 1_000 - usedBytes
  return made
}

t.test('what moves is counted where it will be, until both disks tell of it', async t => {
  const { clock } = new World(1)
  const drops = new Drops({ servers: new Servers({ clock, log: silentLog, times: defaultConfig }), log: silentLog })
  const transits = new InTransit(drops)
  const [giver, taker] = [server(1, 500), server(2, 100)]
  const transit: Transit = { chunk: 7 as ChunkId, lengthBytes: 50, giver, taker }
  const used = () => [transits.usedBytes(giver), transits.usedBytes(taker)]
  transits.add(transit)
  t.strictSame(used(), [450, 150], 'while it is copied')

  transit.takenMs = 100
  transit.droppedVersion = 3 as ChunkVersion
  drops.add(giver.id, transit.chunk, transit.droppedVersion)
  Object.assign(taker, { freeBytes: 850, spaceToldMs: 150 })
  Object.assign(giver, { spaceToldMs: 150 })
  transits.step(160)
  t.strictSame(used(), [450, 150], 'the taker has told of it; the giver has not dropped it')

  drops.takeBack(giver.id, transit.chunk)
  transits.step(200)
  t.strictSame(used(), [450, 150], 'dropped, and not told of')
  Object.assign(giver, { freeBytes: 550, spaceToldMs: 250 })
  t.strictSame(used(), [450, 150])
  transits.step(260)
  t.equal(transits.count, 0)
  t.strictSame(used(), [450, 150])
})
