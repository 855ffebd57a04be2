import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import type { Machine } from '../../src/cli/context.ts'
import { DfsError } from '../../src/protocol/errors.ts'
import type { ChunkId, ChunkVersion } from '../../src/protocol/identifiers.ts'
import { CHUNK_BYTES } from '../simulation/cluster.ts'
import { alone, cluster, clusterToTouch } from './simulated.ts'

function folder(t: Test): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'dfs-cli-'))
  t.teardown(() => { rmSync(made, { recursive: true, force: true }) })
  return made
}

t.test('wrong usage exits with 2 and says what is wrong', async t => {
  t.match(await alone(['nonsense']), { code: 2, stderr: /nonsense/ })
  t.match(await alone(['ls', '--nonsense']), { code: 2, stderr: /--nonsense/ })
  t.match(await alone(['mv', 'one']), { code: 2, stderr: /TO/ })
  t.match(await alone(['ls', '/somewhere']), { code: 2, stderr: /--master HOST:PORT/ }, 'nothing says which cluster')
  t.match(await alone(['put', '--master', 'h:1', 'one']), { code: 2, stderr: /LOCAL and PATH/ })
})

t.test('fsck has the exit codes of its kind', async t => {
  t.match(await alone(['fsck', '--nonsense']), { code: 16, stderr: /--nonsense/ })
  t.match(await alone(['fsck', '/somewhere']), { code: 16, stderr: /--master HOST:PORT/ })
  t.match(await alone(['fsck', '--master', 'h:1']), { code: 8, stderr: /no master answers/ })
  t.match(await alone(['fsck', '--help']), { code: 0, stdout: /Exit code: 0 all is healthy/ })
})

t.test('fsck walks all files and says how they are, status --check agrees, scrub shows every server', async t => {
  const dfs = await cluster(t)
  const local = folder(t)
  writeFileSync(path.join(local, 'f'), Buffer.alloc(CHUNK_BYTES + 10, 1))
  t.match(await dfs('mkdir', '-p', '/a/b'), { code: 0 })
  t.match(await dfs('put', path.join(local, 'f'), '/a/b/f'), { code: 0 })
  const healthy = await dfs('fsck')
  t.match(healthy, { code: 0, stdout: /chunks +2\nreplicas +6\n[^]*\nHEALTHY\n$/ })
  t.match(await dfs('fsck', '--verify', '/a/b/f'), { code: 0, stdout: /^\nfiles +1 / })
  const json: unknown = JSON.parse((await dfs('fsck', '--json')).stdout)
  t.match(json, { health: 'healthy', findings: [], counts: { directories: 3, files: 1, chunks: 2, replicas: 6, orphans: 0 } })
  t.match(await dfs('status', '--check'), { code: 0, stdout: /health +healthy/ })
  t.match(await dfs('scrub', 'start', '--rate', '1GiB'), { code: 0, stdout: /running/ })
  const { stdout } = await dfs('scrub', 'status', '--json')
  const { servers } = JSON.parse(stdout) as { servers: { bytesPerS: number }[] }
  t.equal(servers.length, 3)
  t.match(await dfs('scrub', 'status', '--rate', '1'), { code: 2, stderr: /--rate/ })
  t.match(await dfs('scrub', '/', 'dance'), { code: 2, stderr: /dance/ })
})

t.test('fsck finds a replica that belongs to no chunk, and counts those of files and removed files for none', async t => {
  const { dfs, simulated } = await clusterToTouch(t)
  const local = folder(t)
  writeFileSync(path.join(local, 'f'), 'bytes')
  t.match(await dfs('put', path.join(local, 'f'), '/kept'), { code: 0 })
  t.match(await dfs('put', path.join(local, 'f'), '/removed'), { code: 0 })
  t.match(await dfs('rm', '/removed'), { code: 0 })
  const [machine] = simulated.servers
  if (machine === undefined) throw new Error('there is a server')
  // Of a chunk that the master has not handed out: it never has such a replica dropped.
  machine.server.store.create(4_711 as ChunkId, 3 as ChunkVersion, { inode: 9, index: 0, chunkSizeBytes: CHUNK_BYTES })
  const told = await dfs('fsck', '--json')
  t.match(JSON.parse(told.stdout), { health: 'degraded', counts: { orphans: 1, files: 1 }, findings: { length: 1 } })
  t.match(JSON.parse(told.stdout), { findings: [{ kind: 'orphan', server: machine.server.id, chunk: 4_711, version: 3 }] })
  t.match(await dfs('fsck'), { code: 1, stdout: /4711[^]*belongs to no file/ })
  t.match(await dfs('fsck', '/kept'), { code: 0 }, 'nobody asked for them')
  machine.server.store.remove(4_711 as ChunkId)
  t.match(await dfs('fsck'), { code: 0, stdout: /HEALTHY/ })
})

t.test('fsck of all looks at the files in the trash too, and tells of chunks that they have lost', async t => {
  const { dfs, simulated, pass } = await clusterToTouch(t, { trashMs: 3_600_000 })
  const local = folder(t)
  writeFileSync(path.join(local, 'f'), 'bytes')
  t.match(await dfs('mkdir', '/d'), { code: 0 })
  for (const name of ['/d/kept', '/d/removed']) t.match(await dfs('put', path.join(local, 'f'), name), { code: 0 })
  const { chunks: [lost] } = JSON.parse((await dfs('info', '--json', '/d/removed')).stdout) as { chunks: { chunk: ChunkId }[] }
  t.match(await dfs('rm', '/d/removed'), { code: 0 })
  t.match(await dfs('fsck'), { code: 0, stdout: /^\nfiles +1 [^]*files in the trash +1 \(5 B\)\n[^]*chunks +2\nreplicas +6\n/ })
  for (const { server } of simulated.servers) if (lost !== undefined) server.store.remove(lost.chunk)
  // The servers tell of it.
  await pass(1_000)
  const [trashed] = JSON.parse((await dfs('trash', 'ls', '--json')).stdout) as { id: number }[]
  const told = await dfs('fsck', '--json')
  t.equal(told.code, 2)
  t.match(JSON.parse(told.stdout), {
    health: 'missing', counts: { files: 1, trashFiles: 1, unhealthyFiles: 1 },
    findings: [{ kind: 'chunk', path: '/d/removed', inode: trashed?.id, inTrash: true, chunk: lost?.chunk, problems: ['missing'] }],
  })
  const inTrash = new RegExp(`^/d/removed \\(in the trash, id ${String(trashed?.id)}\\): chunk ${String(lost?.chunk)} .*: missing\n`)
  t.match(await dfs('fsck'), { code: 2, stdout: inTrash })
  t.match(await dfs('fsck', '/d'), { code: 0, stdout: /files in the trash +0 / }, 'only what is there now is below a path')
  t.match(await dfs('trash', 'empty', '--yes'), { code: 0 })
  t.match(await dfs('fsck'), { code: 0, stdout: /HEALTHY/ })
})

t.test('help and version exit with 0', async t => {
  t.match(await alone(['--help']), { code: 0, stdout: /Usage: dfs/, stderr: '' })
  t.match(await alone(['info', '--help']), { code: 0, stdout: /--master/ })
  t.match(await alone(['--version']), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
})

t.test('a master that does not answer exits with 1', async t => {
  t.match(await alone(['status', '--master', 'h:1']), { code: 1, stdout: '', stderr: 'dfs: no master answers: refused\n' })
})

t.test('the cluster is that of --master, of the mount, of DFS_MASTER, in this order', async t => {
  const asked: string[] = []
  const parts: Partial<Machine> = {
    masterVariable: 'variable:1',
    mountInfo: () => '90 22 0:50 / /mnt/dfs rw - fuse.dfs mount:1 rw\n',
    connect: masters => {
      asked.push(masters.join())
      return Promise.reject(new DfsError('unreachable', 'no'))
    },
  }
  await alone(['ls', '--master', 'option:1', '/mnt/dfs/x'], parts)
  await alone(['ls', '/mnt/dfs/x'], parts)
  await alone(['ls', 'x'], { ...parts, folder: '/mnt/dfs/y' })
  await alone(['ls', '/elsewhere'], parts)
  t.same(asked, ['option:1', 'mount:1', 'mount:1', 'variable:1'])
})

t.test('files go in, are seen, moved and removed, and come out as they were', async t => {
  const dfs = await cluster(t)
  const local = folder(t)
  mkdirSync(`${local}/tree/sub`, { recursive: true })
  const bytes = Buffer.alloc(2 * CHUNK_BYTES + 17, 'some bytes ')
  writeFileSync(`${local}/tree/large`, bytes, { mode: 0o640 })
  writeFileSync(`${local}/tree/sub/umläut`, 'ü')
  writeFileSync(`${local}/tree/empty`, '')
  symlinkSync('sub/umläut', `${local}/tree/link`)

  t.match(await dfs('put', `${local}/tree`, '/'), { code: 1, stderr: /-r/ }, 'a directory needs -r')
  t.match(await dfs('mkdir', '-p', '/a/b'), { code: 0 })
  t.match(await dfs('put', '-r', `${local}/tree`, '/a/b'), { code: 0, stderr: '' })
  t.match(await dfs('ls', '/a/b/tree'), { code: 0, stdout: 'empty\nlarge\nlink\nsub\n' })
  t.match(await dfs('ls', '-l', '/a/b/tree'), { stdout: /-rw-r----- +1 +0 +0 +524305 .* large\n.*link -> sub\/umläut/ })
  t.match(JSON.parse((await dfs('ls', '--json', '/a/b/tree/sub')).stdout), [{ name: 'umläut', sizeBytes: 2, type: 'file' }])
  t.match(await dfs('cat', '/a/b/tree/link', '/a/b/tree/sub/umläut'), { code: 0, stdout: 'üü' })
  t.match(await dfs('get', '-r', '/a/b/tree', `${local}/back`), { code: 0, stderr: '' })
  t.ok(readFileSync(`${local}/back/large`).equals(bytes))
  t.equal(statSync(`${local}/back/large`).mode & 0o777, 0o640)
  t.equal(readFileSync(`${local}/back/sub/umläut`, 'utf8'), 'ü')
  t.equal(readlinkSync(`${local}/back/link`), 'sub/umläut')

  t.match(await dfs('mv', '/a/b/tree/large', '/a'), { code: 0 }, 'into a directory')
  t.match(await dfs('mv', '/a/large', '/a/renamed'), { code: 0 })
  t.match(await dfs('mv', '-n', '/a/b/tree/empty', '/a/renamed'), { code: 1, stderr: /File exists/ })
  t.match(await dfs('rm', '/a/b'), { code: 1, stderr: /-r/ })
  t.match(await dfs('rm', '-r', '/a/b'), { code: 0 })
  t.match(await dfs('rm', '-f', '/a/b'), { code: 0 })
  t.match(await dfs('stat', '/a/b', '/a/renamed'),
    { code: 1, stdout: /size +524305/, stderr: 'dfs: /a/b: No such file or directory\n' },
    'what is there is shown all the same')
})

t.test('info shows each replica as its own server sees it', async t => {
  const dfs = await cluster(t)
  const local = folder(t)
  writeFileSync(`${local}/file`, Buffer.alloc(CHUNK_BYTES + 5))
  await dfs('put', `${local}/file`, '/file')
  const info = JSON.parse((await dfs('info', '--json', '/file')).stdout) as {
    sizeBytes: number, chunks: { index: number, replicas: { state: string, lengthBytes: number, rack: string }[] }[]
  }
  t.equal(info.sizeBytes, CHUNK_BYTES + 5)
  t.same(info.chunks.map(({ replicas }) => replicas.map(({ state, lengthBytes }) => [state, lengthBytes])),
    [CHUNK_BYTES, 5].map(length => Array.from({ length: 3 }, () => ['good', length])))
  const { stdout } = await dfs('info', '/file')
  t.match(stdout, /size +262149/)
  t.equal(stdout.match(/rack-\d +\d+ +good/g)?.length, 6)
  t.match(await dfs('info', '/'), { code: 1, stderr: 'dfs: /: Is a directory\n' })
})

t.test('status and df show the servers and the room', async t => {
  const dfs = await cluster(t)
  const live = { state: 'live' }
  t.match(JSON.parse((await dfs('status', '--json')).stdout), { servers: [live, live, live] })
  t.equal((await dfs('status')).stdout.match(/rack-\d .* live/g)?.length, 3)
  t.match(JSON.parse((await dfs('df', '--json')).stdout), { files: Number, totalBytes: Number })
  t.match(await dfs('df'), { code: 0, stdout: /TiB/ })
})
