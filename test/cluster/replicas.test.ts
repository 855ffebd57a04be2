import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { z } from 'zod'
import { readReplica } from '../simulation/replica-file.ts'
import { Cluster, mounting, must, shell } from './harness.ts'

const info = z.object({
  sizeBytes: z.number(), chunkSizeBytes: z.number(),
  chunks: z.array(z.object({
    chunk: z.number(), version: z.number(),
    replicas: z.array(z.object({ server: z.number(), rack: z.string(), lengthBytes: z.number(), state: z.string() })),
  })),
})

t.test('replicas', mounting, async t => {
  const cluster = await Cluster.up({ options: ['--chunk-size', '1MiB'] })
  t.teardown(() => cluster.down())
  const { mount } = cluster

  t.test('every chunk lies on three servers in three racks, byte for byte the same', async t => {
    await shell(`cd ${mount} && head -c 5500000 /dev/urandom > big && head -c 100 /dev/urandom > small
      dd if=/dev/urandom of=big bs=1000 count=3 seek=1047 conv=notrunc status=none; sync big small`)
    for (const [name, chunkCount] of [['big', 6], ['small', 1]] as const) {
      const told = info.parse(JSON.parse(await must('bin/dfs', ['info', '--json', `${mount}/${name}`])))
      t.equal(told.chunks.length, chunkCount)
      const contents = readFileSync(`${mount}/${name}`)
      told.chunks.forEach(({ chunk, replicas }, index) => {
        t.equal(new Set(replicas.map(({ server }) => server)).size, 3, `chunk ${String(chunk)} has three servers`)
        t.equal(new Set(replicas.map(({ rack }) => rack)).size, 3, 'in three racks')
        t.strictSame(replicas.map(({ state }) => state), ['good', 'good', 'good'])
        const expected = contents.subarray(index * told.chunkSizeBytes, (index + 1) * told.chunkSizeBytes)
        const found = replicaFiles(cluster.data, chunk)
        t.equal(found.length, 3, 'three files')
        for (const file of found) t.ok(readReplica(readFileSync(file)).bytes.equals(expected), `${file} holds those bytes`)
      })
    }
  })

  t.test('the table for people shows them too', async t => {
    const table = await must('bin/dfs', ['info', `${mount}/small`])
    for (const rack of ['rack-1', 'rack-2', 'rack-3']) t.match(table, rack)
  })

  t.test('what is deleted leaves the servers', async t => {
    const { chunks } = info.parse(JSON.parse(await must('bin/dfs', ['info', '--json', `${mount}/small`])))
    const chunk = chunks[0]?.chunk ?? -1
    t.equal(replicaFiles(cluster.data, chunk).length, 3)
    await must('rm', [`${mount}/small`])
    const deadline = Date.now() + 60_000
    while (replicaFiles(cluster.data, chunk).length > 0 && Date.now() < deadline) await must('sleep', ['0.2'])
    t.strictSame(replicaFiles(cluster.data, chunk), [])
  })
})

/** The replicas of one chunk in the folders of all servers. */
function replicaFiles(data: string, chunk: number): string[] {
  return readdirSync(data, { recursive: true, encoding: 'utf8' })
    .filter(name => path.basename(name) === `${String(chunk)}.replica`).map(name => path.join(data, name))
}
