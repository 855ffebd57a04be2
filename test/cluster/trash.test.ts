import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { Cluster, eventually, mounting, must, run, shell } from './harness.ts'

/** Replicas that lie in the folders of the chunkservers. */
async function replicas(cluster: Cluster): Promise<number> {
  const servers = cluster.processes().filter(({ role }) => role === 'chunkserver')
  return servers.flatMap(({ data }) => readdirSync(data, { recursive: true, encoding: 'utf8' }))
    .filter(name => name.endsWith('.replica')).length
}

/** What caches of a mount and its kernel together may keep; the rest is for a busy machine. */
const SEEN_WITHIN_MS = 1_500

t.test('what rm took comes back from the trash as it was, and leaves it for good when told to', mounting, async t => {
  const cluster = await Cluster.up({ options: ['--trash-time', '1h'] })
  t.teardown(() => cluster.down())
  const { mount } = cluster
  const other = await cluster.mountAgain()
  await shell(`
    mkdir -p ${mount}/dir/sub
    head -c 300000 /dev/urandom > ${mount}/dir/sub/large; cp ${mount}/dir/sub/large ${cluster.folder}/large
    echo odd > ${mount}/dir/$'odd \\xff name'
    : > ${mount}/dir/empty
    echo old > ${mount}/kept; echo new > ${mount}/new; mv ${mount}/new ${mount}/kept
    rm -r ${mount}/dir`)
  const files = JSON.parse(await must('bin/dfs', ['trash', 'ls', '--json', mount])) as { path: string, pathBase64?: string }[]
  const paths = files.map(({ path, pathBase64 }) => pathBase64 === undefined ? path : Buffer.from(pathBase64, 'base64').toString('latin1'))
  t.strictSame(paths.sort(), ['/dir/odd \xff name', '/dir/sub/large', '/kept'])

  await cluster.kill('master')
  await cluster.start()
  t.notOk(existsSync(`${other}/dir`), 'the other mount may remember now that it is not there')
  await must('bin/dfs', ['trash', 'restore', `${mount}/dir/sub/large`])
  await wait(SEEN_WITHIN_MS)
  t.ok((await readFile(`${other}/dir/sub/large`)).equals(await readFile(`${cluster.folder}/large`)),
    'restored after a kill of the master, its bytes are the same, on another mount too')
  t.match(await run('bin/dfs', ['trash', 'restore', `${mount}/kept`]), { code: 1, stderr: 'File exists' })
  t.equal(await readFile(`${mount}/kept`, 'utf8'), 'new\n', 'nothing is overwritten')

  await shell(`rm -r ${mount}/*`)
  t.equal(await replicas(cluster), 4 * 3, 'what is in the trash takes its space')
  t.equal(await must('bin/dfs', ['trash', 'empty', '--yes', mount]), 'removed 4 files for good\n')
  await eventually('the space is given back on the chunkservers', async () => await replicas(cluster) === 0 ? true : undefined)
  const status = JSON.parse(await must('bin/dfs', ['status', '--json', mount])) as { trash: object }
  t.match(status.trash, { files: 0, bytes: 0, keepMs: 3_600_000 })
})
