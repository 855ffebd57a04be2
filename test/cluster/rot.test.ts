import { randomBytes } from 'node:crypto'
import {
  closeSync, openSync, readdirSync, readFileSync, readSync, rmSync, statSync, truncateSync, writeFileSync, writeSync,
} from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { z } from 'zod'
import { Cluster, dropCaches, eventually, mounting, run, shell, type Ran } from './harness.ts'

const report = z.object({
  findings: z.array(z.object({
    kind: z.string(), path: z.string(), problems: z.array(z.string()),
    replicas: z.array(z.object({ address: z.string(), state: z.string() })),
  })),
  health: z.string(),
  counts: z.object({ files: z.number(), chunks: z.number(), replicas: z.number(), orphans: z.number() }),
})

const scrubReport = z.object({
  servers: z.array(z.object({
    state: z.string(), errors: z.number(),
    last: z.object({ startedMs: z.number(), checked: z.number(), skipped: z.number(), errors: z.number() }).optional(),
  })),
})

/** The files of a server's replicas, once they are clean: only then is what changes in them rot. */
async function cleanReplicas(folder: string): Promise<string[]> {
  return eventually(`all replicas in ${folder} are clean`, () => Promise.resolve(allClean(folder)))
}

function allClean(folder: string): string[] | undefined {
  const files = readdirSync(path.join(folder, 'chunks'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.replica')).map(name => path.join(folder, 'chunks', name))
  return files.length > 0 && files.every(file => readFileSync(file)[6] === 1) ? files : undefined
}

function flipBit(file: string, at: number): void {
  const opened = openSync(file, 'r+')
  const byte = Buffer.alloc(1)
  readSync(opened, byte, 0, 1, at)
  writeSync(opened, Buffer.from([(byte[0] ?? 0) ^ 4]), 0, 1, at)
  closeSync(opened)
}

t.test('rot', mounting, async t => {
  const cluster = await Cluster.up({
    chunkservers: 4,
    options: [
      '--replicas', '3', '--chunk-size', '1MiB', '--master-option=--heartbeat-ms=300', '--master-option=--trash-time=0',
      '--chunkserver-option=--scrub-period=0',
    ],
  })
  t.teardown(() => cluster.down())
  const { mount, data } = cluster
  const contents = new Map<string, Buffer>()
  for (let number = 0; number < 6; number++) {
    const bytes = randomBytes(3_000_000)
    contents.set(`file-${String(number)}`, bytes)
    writeFileSync(path.join(mount, `file-${String(number)}`), bytes)
  }
  const fsck = async (...options: string[]): Promise<Ran & z.infer<typeof report>> => {
    const ran = await run('bin/dfs', ['fsck', '--json', ...options, mount])
    t.equal(ran.stderr, '')
    return { ...ran, ...report.parse(JSON.parse(ran.stdout)) }
  }
  const checkContents = async (t: Test): Promise<void> => {
    await dropCaches()
    for (const [name, bytes] of contents) t.ok(readFileSync(path.join(mount, name)).equals(bytes), `${name} reads right`)
  }
  const healthy = (): Promise<true> => eventually('all is whole again', async () => (await fsck('--verify')).code === 0 ? true : undefined)

  t.test('a whole cluster is healthy, and says so in all its ways', async t => {
    await healthy()
    t.match(await fsck('--verify'), { code: 0, health: 'healthy', counts: { files: 6, chunks: 18, replicas: 54, orphans: 0 } })
    const status = await run('bin/dfs', ['status', '--check', '--json', mount])
    t.equal(status.code, 0)
    t.match(JSON.parse(status.stdout), { healthy: true, corrupt: 0, chunks: 18, missing: 0 })
  })

  const damages: Record<string, (file: string) => void> = {
    'a bit flipped in its bytes': file => { flipBit(file, 70_000) },
    'a bit flipped in a checksum table': file => { flipBit(file, 129) },
    'a file cut short': file => { truncateSync(file, statSync(file).size - 1_000) },
    'a file removed': file => { rmSync(file) },
  }

  /** Does all of it, to clean replicas of different chunks on one server. */
  const damageAll = async (t: Test, server: string): Promise<void> => {
    const replicas = await cleanReplicas(path.join(data, server))
    t.ok(replicas.length >= 4, 'there are enough replicas to damage')
    for (const [at, damage] of Object.values(damages).entries()) damage(replicas[at] ?? '')
  }
  const corruptFound = async (): Promise<number> => {
    const status = JSON.parse((await run('bin/dfs', ['status', '--json', mount])).stdout) as { servers: { corruptFound: number }[] }
    return status.servers.reduce((sum, server) => sum + server.corruptFound, 0)
  }

  t.test(`${Object.keys(damages).join(', ')}: fsck finds each, reads stay right, repair makes it good`, async t => {
    await damageAll(t, 'chunkserver-2')
    const found = await fsck('--verify')
    t.equal(found.code, 1, 'degraded, and all data is there')
    t.equal(found.findings.length, 4, 'four chunks')
    for (const { problems, replicas } of found.findings) {
      t.ok(problems.includes('corrupt'))
      t.equal(replicas.filter(({ state }) => state === 'corrupt').length, 1)
    }
    await checkContents(t)
    await healthy()
  })

  t.test('the scrubber finds each, and reads stay right before and after', async t => {
    const before = await corruptFound()
    await damageAll(t, 'chunkserver-3')
    await checkContents(t)
    const begun = Date.now()
    t.equal((await run('bin/dfs', ['scrub', mount, 'start', '--rate', '100MiB'])).code, 0)
    const { servers } = await eventually('a full pass on all servers', async () => {
      const told = scrubReport.parse(JSON.parse((await run('bin/dfs', ['scrub', mount, '--json'])).stdout))
      return told.servers.every(({ last }) => (last?.startedMs ?? 0) >= begun - 1_000) ? told : undefined
    })
    t.equal(servers.length, 4)
    // A read of ours may have come first.
    await eventually('every one of them was found', async () => await corruptFound() === before + 4 ? true : undefined)
    await healthy()
    await checkContents(t)
  })

  t.test('files that are being written are no cause for alarm', async t => {
    const writing = { over: false }
    const script = shell(`cd ${mount} && for round in 1 2 3 4 5 6; do
      head -c 2500000 /dev/urandom > busy; head -c 100000 /dev/urandom >> busy-too; sync busy; mv busy moved; rm moved; done`)
    const ended = script.finally(() => { writing.over = true })
    let looks = 0
    for (; !writing.over || looks === 0; looks++) t.match(await fsck(), { code: 0, findings: [] })
    await ended
    t.comment(`${String(looks)} looks`)
  })

  t.test('what no server has any more is missing', async t => {
    writeFileSync(path.join(mount, 'doomed'), randomBytes(500_000))
    for (const server of [1, 2, 3, 4]) await cleanReplicas(path.join(data, `chunkserver-${String(server)}`))
    const info = JSON.parse((await run('bin/dfs', ['info', '--json', `${mount}/doomed`])).stdout) as { chunks: { chunk: number }[] }
    const name = `${String(info.chunks[0]?.chunk)}.replica`
    const files = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter(each => path.basename(each) === name)
    t.equal(files.length, 3)
    for (const file of files) rmSync(path.join(data, file))
    const found = await fsck('--verify')
    t.match(found, { code: 2, health: 'missing' })
    t.match(found.findings, [{ problems: ['missing', 'corrupt'] }])
    t.equal((await run('bin/dfs', ['status', '--check', mount])).code, 1)
    rmSync(path.join(mount, 'doomed'))
    await healthy()
  })
})
